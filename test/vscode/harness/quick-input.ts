import type { Locator, Page } from "playwright-core";
import { until } from "./until.ts";

/** The box at the top in which files, commands and lines are chosen by typing. */
export class QuickInput {
  readonly box: Locator;
  readonly rows: Locator;

  constructor(private readonly page: Page) {
    this.box = page.locator(".quick-input-widget:visible .quick-input-box input");
    this.rows = page.locator(".quick-input-list .monaco-list-row");
  }

  /** The entry with exactly this label. */
  row(label: string): Locator {
    const exact = this.page.locator(".label-name").getByText(label, { exact: true });
    return this.rows.filter({ has: exact }).first();
  }

  /**
   * Opens the box with a text and clicks an entry. An open list does not learn of files that are
   * still being searched and extensions that are still being loaded, so it is opened again.
   */
  async choose(text: string, label: string): Promise<void> {
    await until(`"${label}" to choose`, undefined, async () => {
      await this.open(text);
      // A command that reloads the window would never be heard to have been clicked.
      if (await succeeds(this.row(label).click({ timeout: 1000, noWaitAfter: true }))) {
        return true;
      }
      await this.page.keyboard.press("Escape");
      return undefined;
    });
  }

  /** A key is lost while the focus moves into a webview that still loads, so it is pressed again. */
  async open(text: string): Promise<void> {
    await until("quick input", undefined, async () => {
      await this.page.keyboard.press(text.startsWith(">") ? "F1" : "Control+P");
      // A webview that takes the focus also closes the box, between seeing it and typing.
      return (await succeeds(this.box.fill(text, { timeout: 2000 }))) || undefined;
    });
  }
}

function succeeds(action: Promise<void>): Promise<boolean> {
  return action.then(
    () => true,
    () => false,
  );
}
