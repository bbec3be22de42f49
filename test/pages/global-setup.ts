import type { TestProject } from "vitest/node";
import { findChromium } from "../vscode/harness/chromium.ts";

/** The pages alone need a browser and no VS Code. */
export default async function setUp(project: TestProject): Promise<void> {
  project.provide("chromiumPath", await findChromium((line) => console.log(line)));
}
