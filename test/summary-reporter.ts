import type { Reporter, TestModule } from "vitest/node";

/** Prints the closing line that continuous integration reads: `12 passed, 0 failed, 1 skipped`. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number =>
      tests.filter((test) => test.result().state === state).length;
    // A file that cannot even be loaded has no tests, and still has failed.
    const broken = modules.filter((module) => module.errors().length > 0).length;
    const failed = count("failed") + broken + unhandledErrors.length;
    const skipped = count("skipped") + count("pending");
    const end = skipped > 0 ? `, ${skipped} skipped` : "";
    console.log(`${count("passed")} passed, ${failed} failed${end}`);
  }
}
