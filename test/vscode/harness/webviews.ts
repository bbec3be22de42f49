import type { Frame, Page } from "playwright-core";

/**
 * The pages of the webviews that can be seen, innermost frames first: VS Code puts each page into a
 * frame of its own origin inside a frame of the workbench, and keeps hidden webviews in the document.
 */
export async function webviewFrames(page: Page): Promise<Frame[]> {
  const seen: Frame[] = [];
  for (const frame of page.frames()) {
    const outer = frame.parentFrame();
    if (outer?.url().includes("/webview/browser/pre/") && (await isVisible(outer))) {
      seen.push(frame);
    }
  }
  return seen;
}

/** Whether the page has something visible that the selector finds. */
export function shows(frame: Frame, selector: string): Promise<boolean> {
  const found = frame.locator(selector).filter({ visible: true });
  return unlessGone(async () => (await found.count()) > 0);
}

function isVisible(frame: Frame): Promise<boolean> {
  return unlessGone(async () => (await frame.frameElement()).isVisible());
}

/** A frame can go away between being listed and being asked. */
function unlessGone(question: () => Promise<boolean>): Promise<boolean> {
  return question().catch(() => false);
}
