import { type Browser, chromium } from "playwright-core";
import { test as base, inject } from "vitest";
import { chromiumOptions } from "./chromium.ts";
import { closeWindow, type OpenedWorkspace, openWindow, SharedWindow } from "./windows.ts";
import type { WorkspaceFiles } from "./workspace.ts";

export interface OpenOptions {
  /** Workspace settings, such as `workbench.colorTheme`; they get a window of their own. */
  settings?: Record<string, unknown>;
  /** The address of a VS Code of the test's own, instead of the shared one. */
  url?: string;
  viewport?: { width: number; height: number };
  /** A window of the test's own: for what it does once, such as starting its engine, and reloads. */
  fresh?: boolean;
}

type OpenWorkspace = (files: WorkspaceFiles, options?: OpenOptions) => Promise<OpenedWorkspace>;

interface Fixtures {
  browser: Browser;
  sharedWindow: SharedWindow;
  openWorkspace: OpenWorkspace;
}

/**
 * vitest's `test` with `openWorkspace`, which opens VS Code on a folder of its own files. Tests that
 * ask for nothing special use one window after each other, which is tidied in between; a
 * test that fails takes its window with it, so that the next is not spoiled. When a test fails,
 * pictures of its windows are in `test-results/`.
 */
export const test = base.extend<Fixtures>({
  browser: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures used from the pattern
    async ({}, use) => {
      const executablePath = inject("chromiumPath");
      const browser = await chromium.launch({ executablePath, args: chromiumOptions });
      await use(browser);
      await browser.close();
    },
    { scope: "worker" },
  ],
  sharedWindow: [
    async ({ browser }, use) => {
      const shared = new SharedWindow(browser);
      await use(shared);
      await shared.close();
    },
    { scope: "worker" },
  ],
  openWorkspace: async ({ browser, sharedWindow, task }, use) => {
    const opened: { window: OpenedWorkspace; shared: boolean }[] = [];
    await use(async (files, { settings, url, viewport, fresh } = {}) => {
      const options = {
        url: url ?? inject("vscodeUrl"),
        viewport: viewport ?? { width: 1280, height: 800 },
      };
      const shared = !(settings || url || viewport || fresh);
      const window = shared
        ? await sharedWindow.take(files, options)
        : await openWindow(browser, withSettings(files, settings), options);
      opened.push({ window, shared });
      return window;
    });
    const failed = task.result?.state === "fail";
    for (const { window, shared } of opened) {
      if (failed) await window.workbench.screenshot(`failed ${task.name}`);
      if (shared) await sharedWindow.giveBack(window, !failed);
      else await closeWindow(window);
    }
  },
});

function withSettings(files: WorkspaceFiles, settings?: Record<string, unknown>): WorkspaceFiles {
  return settings === undefined
    ? files
    : { ...files, ".vscode/settings.json": JSON.stringify(settings, null, 2) };
}
