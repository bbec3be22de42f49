import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { test as base, inject } from "vitest";
import { chromiumOptions } from "./chromium.ts";
import { folderUrl } from "./launch.ts";
import { Workbench } from "./workbench.ts";

/** The files of a workspace: a path in it, and either the content or the file to copy. */
export type WorkspaceFiles = Record<string, string | Uint8Array | { copyOf: string }>;

export interface OpenOptions {
  /** Workspace settings, such as `workbench.colorTheme`. */
  settings?: Record<string, unknown>;
  /** The address of a VS Code of the test's own, instead of the shared one. */
  url?: string;
  viewport?: { width: number; height: number };
}

export interface OpenedWorkspace {
  folder: string;
  workbench: Workbench;
}

type OpenWorkspace = (files: WorkspaceFiles, options?: OpenOptions) => Promise<OpenedWorkspace>;

/**
 * vitest's `test` with `openWorkspace`, which opens VS Code on a new folder. When the test ends, the
 * windows close and the folders go; when it fails, pictures of the windows are in `test-results/`.
 */
export const test = base.extend<{ browser: Browser; openWorkspace: OpenWorkspace }>({
  browser: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures used from the pattern
    async ({}, use) => {
      const executablePath = inject("chromiumPath");
      const browser = await chromium.launch({ executablePath, args: chromiumOptions });
      await use(browser);
      await browser.close();
    },
    { scope: "file" },
  ],
  openWorkspace: async ({ browser, task }, use) => {
    const opened: OpenedWorkspace[] = [];
    await use(async (files, options = {}) => {
      const folder = await writeWorkspace(files, options.settings ?? {});
      const viewport = options.viewport ?? { width: 1280, height: 800 };
      const context = await browser.newContext({ viewport, reducedMotion: "reduce" });
      const workbench = new Workbench(await context.newPage());
      opened.push({ folder, workbench });
      await workbench.open(folderUrl(options.url ?? inject("vscodeUrl"), folder));
      return { folder, workbench };
    });
    for (const { folder, workbench } of opened) {
      if (task.result?.state === "fail") {
        await workbench.screenshot(`failed ${task.name}`);
      }
      await workbench.page.context().close();
      await rm(folder, { recursive: true, force: true });
    }
  },
});

async function writeWorkspace(
  files: WorkspaceFiles,
  settings: Record<string, unknown>,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "normlens-workspace-"));
  const all: WorkspaceFiles = {
    ...files,
    ".vscode/settings.json": JSON.stringify(settings, null, 2),
  };
  for (const [path, content] of Object.entries(all)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    if (typeof content === "object" && "copyOf" in content) {
      await cp(content.copyOf, file, { recursive: true });
    } else {
      await writeFile(file, content);
    }
  }
  return folder;
}
