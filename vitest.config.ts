import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Training, folding and browsers take seconds, not milliseconds, on a busy machine. */
const patience = { testTimeout: 120_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    reporters: ["default", "./test/summary-reporter.ts"],
    // One project after the other: each has the processor to itself.
    projects: [
      {
        test: {
          ...patience,
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          // Files share a process for each core: importing everything anew took 0.7 s a file.
          isolate: false,
          // By default one core is left idle, which is half of a small machine.
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...patience,
          name: "pages",
          include: ["test/pages/**/*.test.ts"],
          globalSetup: "test/pages/global-setup.ts",
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...patience,
          name: "vscode",
          include: ["test/vscode/**/*.test.ts"],
          globalSetup: "test/vscode/harness/global-setup.ts",
          // One window at a time: two would compete for the focus and for the processor.
          fileParallelism: false,
          // All files in one process, which then share its browser and window.
          isolate: false,
          sequence: { groupOrder: 2 },
          // VS Code, Chromium and training share the cores of a small machine: a step can time out
          // there for no reason of ours. What fails twice in new windows is broken.
          retry: 1,
        },
      },
    ],
  },
});
