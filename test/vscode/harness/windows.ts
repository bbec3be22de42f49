import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { folderUrl } from "./launch.ts";
import { Workbench } from "./workbench.ts";
import { fillFolder, type WorkspaceFiles } from "./workspace.ts";

export interface OpenedWorkspace {
  folder: string;
  workbench: Workbench;
}

export interface WindowOptions {
  /** The address of the VS Code that the window belongs to. */
  url: string;
  viewport: { width: number; height: number };
}

/** Opens a window on a new folder with these files. */
export async function openWindow(
  browser: Browser,
  files: WorkspaceFiles,
  { url, viewport }: WindowOptions,
): Promise<OpenedWorkspace> {
  const folder = await mkdtemp(join(tmpdir(), "normlens-workspace-"));
  await fillFolder(folder, files);
  const context = await browser.newContext({ viewport, reducedMotion: "reduce" });
  const workbench = new Workbench(await context.newPage());
  await workbench.open(folderUrl(url, folder));
  return { folder, workbench };
}

export async function closeWindow({ folder, workbench }: OpenedWorkspace): Promise<void> {
  await workbench.page.context().close();
  await rm(folder, { recursive: true, force: true });
}

/**
 * A window that one test after the other uses, because opening one takes longer than most tests.
 * Whoever gives it back says whether the test went well. After a test that did not, and when the
 * window cannot be tidied, it is closed, and the next test gets a new one.
 */
export class SharedWindow {
  #idle: OpenedWorkspace | undefined;

  constructor(private readonly browser: Browser) {}

  /** A window on a folder with these files only. */
  async take(files: WorkspaceFiles, options: WindowOptions): Promise<OpenedWorkspace> {
    const idle = this.#idle;
    this.#idle = undefined;
    if (idle === undefined) return openWindow(this.browser, files, options);
    await fillFolder(idle.folder, files);
    idle.workbench.errors.length = 0;
    return idle;
  }

  async giveBack(window: OpenedWorkspace, wentWell: boolean): Promise<void> {
    if (wentWell && this.#idle === undefined && (await becomesTidy(window))) this.#idle = window;
    else await closeWindow(window);
  }

  async close(): Promise<void> {
    if (this.#idle !== undefined) await closeWindow(this.#idle);
    this.#idle = undefined;
  }
}

/** Whether nothing is left of a test: no editor, edit, message, panel or file. */
async function becomesTidy({ folder, workbench }: OpenedWorkspace): Promise<boolean> {
  try {
    await workbench.tidy();
    await fillFolder(folder, {});
    return true;
  } catch (error) {
    console.log(`The window is closed, as it could not be tidied: ${error}`);
    return false;
  }
}
