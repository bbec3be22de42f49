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

async function isVisible(frame: Frame): Promise<boolean> {
  try {
    return await (await frame.frameElement()).isVisible();
  } catch {
    // A frame can go away between being listed and being asked.
    return false;
  }
}
