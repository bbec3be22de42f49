import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Frame, Locator, Page } from "playwright-core";
import { collectErrors } from "./errors.ts";
import { resultsFolder } from "./paths.ts";
import { QuickInput } from "./quick-input.ts";
import { until } from "./until.ts";
import { shows, webviewFrames } from "./webviews.ts";

/**
 * In a browser VS Code keeps an unsaved text one second after its last change; a page that is left sooner
 * asks a person whether to lose it. In milliseconds.
 */
const KEEPING_TIME = 2500;

/** VS Code's window in the browser, as a person uses it: by keys, mouse and what is on the screen. */
export class Workbench {
  /** Errors of the window, the extension host and the pages, for tests that want none. */
  readonly errors: string[];
  readonly #quickInput: QuickInput;

  constructor(readonly page: Page) {
    this.errors = collectErrors(page);
    this.#quickInput = new QuickInput(page);
  }

  /** Opens a folder, given as the server's address for it. */
  async open(folderUrl: string): Promise<void> {
    await this.page.goto(folderUrl);
    await this.ready();
  }

  /** By VS Code's own command, which keeps its state before it leaves the page. */
  async reload(): Promise<void> {
    await this.page.waitForTimeout(KEEPING_TIME);
    const loaded = this.page.waitForEvent("load");
    await this.runCommand("Developer: Reload Window");
    await loaded;
    await this.ready();
  }

  /** Opens a file of the folder by Go to File, and waits for its tab. */
  async openFile(path: string): Promise<void> {
    const name = basename(path);
    await this.#quickInput.choose(path, name);
    await this.tab(name).and(this.page.locator(".active")).waitFor();
  }

  /** Runs a command by its title in the palette, such as `NormLens: Fold BatchNorm`. */
  async runCommand(title: string): Promise<void> {
    await this.#quickInput.choose(`>${title}`, title);
  }

  /** Picks an entry of a list that a command has opened. */
  async pick(label: string): Promise<void> {
    await this.#quickInput.row(label).click();
  }

  /** Answers an input box that a command has opened. */
  async enter(text: string): Promise<void> {
    await this.#quickInput.box.fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** Opens the active file's other editor, such as `Text Editor`. */
  async reopenWith(editor: string): Promise<void> {
    await this.runCommand("View: Reopen Editor With...");
    await this.pick(editor);
  }

  /** Puts the cursor of the text editor at a line and column, both from 1. */
  async goTo(line: number, column = 1): Promise<void> {
    // A page may take the focus from the editor that the box is about, and keys from the box.
    const place = this.page.locator(".statusbar-item").getByText(`Ln ${line}, Col ${column}`, {
      exact: true,
    });
    await until(`the cursor at ${line}:${column}`, undefined, async () => {
      await this.focusText();
      await this.#quickInput.open(`:${line}:${column}`);
      await this.page.keyboard.press("Enter");
      const there = await place.waitFor({ timeout: 2000 }).then(
        () => true,
        () => false,
      );
      if (!there) await this.page.keyboard.press("Escape");
      return there || undefined;
    });
    await this.#quickInput.box.waitFor({ state: "hidden" });
    await this.focusText();
  }

  /** Gives the text editor the keys, which a page beside it may have taken; the cursor stays. */
  async focusText(): Promise<void> {
    const text = this.page.locator(".editor-instance .monaco-editor");
    await text.locator(".native-edit-context, textarea.inputarea").first().focus();
    await text.and(this.page.locator(".focused")).first().waitFor();
  }

  /** The tab of a file; a file with unsaved changes has the class `dirty`. */
  tab(name: string): Locator {
    return this.page.locator(`.tab[data-resource-name="${name}"]`);
  }

  async isDirty(name: string): Promise<boolean> {
    return (await this.tab(name).and(this.page.locator(".dirty")).count()) > 0;
  }

  /** Saves the active file, and waits until its tab says so. */
  async save(): Promise<void> {
    await this.page.keyboard.press("Control+S");
    const unsaved = this.page.locator(".tab.active.dirty");
    await unsaved.waitFor({ state: "detached" });
  }

  /** The page inside a visible webview: the first in which the selector finds something visible. */
  webviewFrame(selector: string, limit?: number): Promise<Frame> {
    return until(`a webview with ${selector}`, limit, async () => {
      for (const frame of await webviewFrames(this.page)) {
        if (await shows(frame, selector)) {
          return frame;
        }
      }
      return undefined;
    });
  }

  /** What the light bulb at the cursor offers; an entry that is disabled tells its reason. */
  async lightBulb(): Promise<{ title: string; disabled: boolean }[]> {
    const rows = await this.openLightBulb();
    const entries = await rows.evaluateAll((elements) =>
      elements.map((element) => ({
        title: element.textContent?.trim() ?? "",
        disabled: element.classList.contains("option-disabled"),
      })),
    );
    await this.page.keyboard.press("Escape");
    await rows.first().waitFor({ state: "hidden" });
    return entries;
  }

  /**
   * Chooses what the light bulb at the cursor offers under this title. A menu that was opened while
   * the text was still being read again offers what held before, so it is opened again.
   */
  async applyCodeAction(title: string): Promise<void> {
    await until(`"${title}" under the light bulb`, undefined, async () => {
      const rows = await this.openLightBulb();
      const chosen = rows.filter({ hasText: title }).first();
      const clicked = await chosen.click({ timeout: 2000 }).then(
        () => true,
        () => undefined,
      );
      if (clicked === undefined) await this.page.keyboard.press("Escape");
      await rows.first().waitFor({ state: "hidden" });
      return clicked;
    });
  }

  /** The texts of the status bar, from left to right. */
  async statusBar(): Promise<string[]> {
    const texts = await this.page.locator(".statusbar-item").allInnerTexts();
    return texts.map((text) => text.trim()).filter((text) => text !== "");
  }

  /** A message in the corner, once it is there; its buttons are found inside it. */
  async notification(text: string | RegExp): Promise<Locator> {
    const message = this.page.locator(".notification-toast", { hasText: text }).first();
    await message.waitFor();
    return message;
  }

  /** The messages in the corner at this moment. */
  notifications(): Promise<string[]> {
    return this.page.locator(".notification-toast .notification-list-item-message").allInnerTexts();
  }

  /** The dialog that is open, once one is; its buttons are found inside it. */
  async dialog(text: string | RegExp): Promise<Locator> {
    const dialog = this.page.locator(".monaco-dialog-box", { hasText: text });
    await dialog.waitFor();
    return dialog;
  }

  /** What the Problems view lists, each line as a screen reader hears it. */
  async problems(): Promise<string[]> {
    await this.runCommand("Problems: Focus on Problems View");
    await this.page.locator(".markers-panel").waitFor();
    const rows = await this.page.locator(".markers-panel .monaco-list-row").all();
    const labels = await Promise.all(rows.map((row) => row.getAttribute("aria-label")));
    return labels.flatMap((label) => label ?? []);
  }

  /** Closes whatever a test left open: editors with what is unsaved in them, the panel, messages. */
  async tidy(): Promise<void> {
    // A list or a menu would take the keys that open the palette.
    await this.page.keyboard.press("Escape");
    await this.closeEditors();
    const panel = this.page.locator(".part.panel");
    if (await panel.isVisible()) await this.runCommand("View: Hide Panel");
    await panel.waitFor({ state: "hidden" });
    await this.runCommand("Notifications: Clear All Notifications");
    await this.page.locator(".notification-toast").first().waitFor({ state: "hidden" });
  }

  /** Closes all groups of editors, and gives up what is unsaved. */
  private async closeEditors(): Promise<void> {
    await this.runCommand("View: Close All Editor Groups");
    const discard = this.page
      .locator(".monaco-dialog-box")
      .getByRole("button", { name: "Don't Save" });
    await until("window without editors", undefined, async () => {
      if (await discard.isVisible()) await discard.click();
      return (await this.page.locator(".tab").count()) === 0 ? true : undefined;
    });
  }

  /** Takes a picture of the window into `test-results/`, and returns its path. */
  async screenshot(name: string): Promise<string> {
    await mkdir(resultsFolder, { recursive: true });
    const path = join(resultsFolder, `${name.replace(/[^\w.-]+/g, "-")}.png`);
    await this.page.screenshot({ path });
    return path;
  }

  private async ready(): Promise<void> {
    await this.page.locator(".monaco-workbench .part.editor").waitFor();
    await this.page.locator(".explorer-viewlet .pane-header").first().waitFor();
  }

  private async openLightBulb(): Promise<Locator> {
    const rows = this.page.locator(".action-widget .monaco-list-row.action");
    // A text that has just been opened or changed may not have its actions yet, and then shows none.
    await until("the light bulb's menu", undefined, async () => {
      await this.focusText();
      await this.page.keyboard.press("Control+.");
      return rows
        .first()
        .waitFor({ timeout: 2000 })
        .then(
          () => true,
          () => undefined,
        );
    });
    return rows;
  }
}
