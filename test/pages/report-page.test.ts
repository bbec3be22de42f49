import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { reportHtml } from "../../src/host/training/report-html.ts";
import type { RunReport } from "../../src/protocol/run-report.ts";
import { root } from "../vscode/harness/paths.ts";
import { test as harness } from "../vscode/harness/test.ts";
import { HOSTILE_NAME, passReport } from "./fixtures/model-view.ts";
import { accessibilityViolations, settle } from "./fixtures/open-page.ts";
import { trainingRun } from "./fixtures/training-run.ts";

const report: RunReport = {
  title: "Training of digits-cnn.onnx",
  model: "digits-cnn.onnx",
  passes: [passReport(true)],
  events: trainingRun(27, "earlyStopping"),
};

interface OpenedReport {
  readonly page: Page;
  readonly requests: readonly string[];
  readonly complaints: readonly string[];
}

type OpenReport = (report: RunReport, colorScheme?: "dark" | "light") => Promise<OpenedReport>;

/** `openReport` opens a report from the disk, as whoever it was mailed to does. */
const test = harness.extend<{ openReport: OpenReport }>({
  openReport: async ({ browser }, use) => {
    const folder = await mkdtemp(join(tmpdir(), "normlens-report-"));
    const context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
    await use(async (shown, colorScheme = "light") => {
      const file = join(folder, "report.html");
      await writeFile(file, await reportHtml(root, shown));
      const page = await context.newPage();
      await page.emulateMedia({ colorScheme });
      const requests: string[] = [];
      const complaints: string[] = [];
      page.on("request", (request) => requests.push(request.url()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("console", (message) => complaints.push(message.text()));
      await page.goto(pathToFileURL(file).href);
      await page.locator("normlens-report h1").waitFor();
      await settle(page);
      return { page, requests, complaints };
    });
    await context.close();
    await rm(folder, { recursive: true });
  },
});

function elsewhere(requests: readonly string[]): string[] {
  return requests.filter((url) => !/^(file|data|blob):/.test(url));
}

function wasHacked(page: Page): Promise<boolean> {
  return page.evaluate(() => "hacked" in window);
}

describe("the report", () => {
  test.for(["light", "dark"] as const)(
    "is complete and loads nothing, %s",
    async (scheme, { openReport }) => {
      const { page, requests, complaints } = await openReport(report, scheme);
      await page.screenshot({
        path: join(root, "test-results", "pages", `report-${scheme}.png`),
        fullPage: true,
      });
      await page.getByText("Stopped early at epoch 27").waitFor();
      await page.getByText("53 applied, 1 left").waitFor();
      await page.getByText('"batchSize"').waitFor();
      expect(await page.getByRole("img", { name: /^Loss over 27 epochs/ }).count()).toBe(1);
      for (const name of [/^Gradient norm over 92 measured/, /^Update ratio over 92 measured/]) {
        expect(await page.getByRole("img", { name }).count()).toBe(1);
      }
      expect(requests.length).toBeGreaterThan(0);
      expect(elsewhere(requests)).toEqual([]);
      expect(complaints).toEqual([]);
      expect(await accessibilityViolations(page)).toEqual([]);
    },
  );

  test("shows the numbers of a chart and saves them", async ({ openReport }) => {
    const { page } = await openReport(report);
    const menu = page.getByRole("button", { name: "Loss: more actions" });
    await menu.click();
    await page.getByRole("menuitem", { name: "Show as table" }).click();
    expect(await page.getByRole("region", { name: "Loss" }).getByRole("row").count()).toBe(28);
    await menu.click();
    const [saved] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("menuitem", { name: "Save CSV…" }).click(),
    ]);
    expect(saved.suggestedFilename()).toBe("loss.csv");
  });

  test.for([
    HOSTILE_NAME,
    "</title></script><script>window.hacked=true</script>",
    "<!--<script>",
    "{{script}} $& &quot;",
  ])("shows the name %s as text", async (name, { openReport }) => {
    const [start, ...rest] = trainingRun(2, "maxEpochs");
    const events = [{ ...start, model: name, watched: [name] }, ...rest] as RunReport["events"];
    const { page, complaints } = await openReport({ ...report, title: name, model: name, events });
    expect(await page.title()).toBe(name);
    expect(await page.locator("normlens-report h1").textContent()).toBe(name);
    expect(await wasHacked(page)).toBe(false);
    expect(complaints).toEqual([]);
  });

  test("runs no script but its own", async ({ openReport }) => {
    const { page, complaints } = await openReport(report);
    await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.hacked = true";
      document.body.append(script);
      document.body.insertAdjacentHTML("beforeend", '<img src="https://page.test/x.png">');
    });
    await settle(page);
    expect(await wasHacked(page)).toBe(false);
    expect(complaints).toHaveLength(2);
  });
});
