import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    reporters: ["default", "./test/summary-reporter.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          // Training and folding whole networks takes seconds, not milliseconds, on a busy machine.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "vscode",
          include: ["test/vscode/**/*.test.ts"],
          globalSetup: "test/vscode/harness/global-setup.ts",
          // One window at a time: two would compete for the focus and for the processor.
          fileParallelism: false,
          // VS Code, Chromium and training share the cores of a small machine: a step can time out
          // there for no reason of ours. What fails twice in new windows is broken.
          retry: 1,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
