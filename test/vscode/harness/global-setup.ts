import type { TestProject } from "vitest/node";
import { findChromium } from "./chromium.ts";
import { launchVsCode } from "./launch.ts";
import { root } from "./paths.ts";

declare module "vitest" {
  export interface ProvidedContext {
    vscodeUrl: string;
    chromiumPath: string;
  }
}

/** Starts the one VS Code that all end-to-end tests share, with the extension of this checkout. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const report = (line: string): void => console.log(line);
  const chromium = await findChromium(report);
  const vscode = await launchVsCode({ extension: root, report });
  project.provide("chromiumPath", chromium);
  project.provide("vscodeUrl", vscode.url);
  return vscode.stop;
}
