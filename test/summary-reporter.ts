import type { Reporter, TestModule } from "vitest/node";

/** Prints the closing line that continuous integration reads: `12 passed, 0 failed, 1 skipped`. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number =>
      tests.filter((test) => test.result().state === state).length;
    // A file that cannot be loaded and a hook that throws leave their tests unrun, which is a failure.
    const groups = modules.flatMap((module) => [module, ...module.children.allSuites()]);
    const broken = groups.filter((group) => group.errors().length > 0).length;
    const failed = count("failed") + broken + unhandledErrors.length;
    const skipped = count("skipped") + count("pending");
    const end = skipped > 0 ? `, ${skipped} skipped` : "";
    console.log(`${count("passed")} passed, ${failed} failed${end}`);
  }
}
