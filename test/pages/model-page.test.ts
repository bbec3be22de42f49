import { describe, expect } from "vitest";
import { HOSTILE_NAME, modelView, nodeDetail, passReport } from "./fixtures/model-view.ts";
import {
  accessibilityViolations,
  type OpenedPage,
  type OpenOptions,
  scrollsSideways,
  settle,
  THEME_NAMES,
} from "./fixtures/open-page.ts";
import { test as pageTest } from "./fixtures/page-test.ts";
import { REPORT_TABLE, TECHNIQUES } from "./fixtures/techniques.ts";

const NODES = 5000;
const view = modelView(NODES);

type OpenModel = (options?: Omit<OpenOptions, "page">) => Promise<OpenedPage>;

const test = pageTest.extend<{ openModel: OpenModel }>({
  openModel: ({ openPage }, use) =>
    use(async (options) => {
      const opened = await openPage({ page: "model", ...options });
      await opened.send(
        { type: "opening", fileName: "resnet50.onnx", bytes: 102_549_504 },
        { type: "document", view, dirty: false },
      );
      return opened;
    }),
});

describe("the model page", () => {
  test("says ready, and shows name and size before the engine has read the file", async ({
    openPage,
  }) => {
    const { page, send, sent } = await openPage({ page: "model" });
    expect(await sent()).toEqual([{ type: "ready" }]);
    await send({ type: "opening", fileName: "resnet50.onnx", bytes: 102_549_504 });
    const text = await page.locator("normlens-model-header header").textContent();
    expect(text).toContain("resnet50.onnx");
    expect(text).toContain("97.8 MiB");
  });

  test.for(THEME_NAMES)(
    "has no accessibility violation in the theme %s",
    async (theme, { openModel }) => {
      const opened = await openModel({ theme });
      const { page, send } = opened;
      await page.getByRole("row", { name: /layer1\.0\.bn/ }).click();
      await send({ type: "nodeDetail", detail: nodeDetail(view, 1) });
      await opened.screenshot(`model-detail-${theme}`);
      // Before the checker runs: it copies style sheets, of which the policy complains.
      expect(opened.complaints).toEqual([]);
      expect(await accessibilityViolations(page, theme)).toEqual([]);
      await send({
        type: "preview",
        request: { pass: "fold-batch-norm" },
        report: passReport(true),
      });
      await page.getByText("Show details").click();
      await opened.screenshot(`model-preview-${theme}`);
      expect(await accessibilityViolations(page, theme)).toEqual([]);
    },
  );

  test("draws only the rows in sight and scrolls to the last one", async ({ openModel }) => {
    const opened = await openModel();
    const { page } = opened;
    const rows = page.getByRole("row");
    expect(await rows.count()).toBeLessThan(80);
    const grid = page.getByRole("grid");
    expect(await grid.getAttribute("aria-rowcount")).toBe(String(NODES + 1));
    await grid.focus();
    await page.keyboard.press("End");
    await settle(page);
    const last = view.rows.at(-1);
    await page
      .getByRole("row", { name: last?.name ?? "" })
      .last()
      .waitFor();
    expect(await page.locator(".row.body").count()).toBeLessThan(80);
    expect((await opened.sent()).at(-1)).toEqual({ type: "select", index: NODES - 1 });
  });

  test("is walked with the keyboard", async ({ openModel }) => {
    const { page, sent } = await openModel();
    const indexes = async () =>
      (await sent()).filter((message) => message.type === "select").map((message) => message.index);
    await page.getByRole("grid").focus();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home"]) {
      await page.keyboard.press(key);
    }
    const walked = await indexes();
    expect(walked.slice(0, 3)).toEqual([0, 1, 0]);
    expect(Number(walked[3])).toBeGreaterThan(5);
    expect(walked.slice(4)).toEqual([0, 0]);
    await page.keyboard.type("layer2.3.bn");
    await settle(page);
    expect(await page.getByRole("textbox").inputValue()).toBe("layer2.3.bn");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await settle(page);
    const chosen = Number((await indexes()).at(-1));
    expect(view.rows[chosen]?.name).toBe("layer2.3.bn");
  });

  test("leads from a finding to what the documentation says of it", async ({ openModel }) => {
    const { page, sent } = await openModel();
    await page.getByRole("button", { name: "Learn more about small running variance" }).click();
    expect((await sent()).at(-1)).toEqual({
      type: "openHelp",
      help: "docs/techniques/findings.md#near-zero-variance",
    });
  });

  test("shows a hostile name as text", async ({ openModel }) => {
    const { page, send, complaints } = await openModel();
    await page.getByText(HOSTILE_NAME).first().click();
    await send({ type: "nodeDetail", detail: nodeDetail(view, 7) });
    expect(await page.getByRole("heading", { name: HOSTILE_NAME }).textContent()).toBe(
      HOSTILE_NAME,
    );
    expect(await page.evaluate(() => "hacked" in window)).toBe(false);
    expect(complaints).toEqual([]);
  });

  test("filters by operator and findings", async ({ openModel }) => {
    const { page } = await openModel();
    await page.locator("vscode-checkbox").click();
    await settle(page);
    expect(await page.locator("normlens-node-panel h2").textContent()).toMatch(/56 of 5,000/);
  });

  test("comes back as it was after a reload", async ({ openModel }) => {
    const first = await openModel();
    await first.page.getByRole("grid").focus();
    await first.page.keyboard.press("End");
    await first.page.keyboard.press("PageUp");
    await first.page.waitForTimeout(300);
    const kept = await first.kept();
    const scrollTop = (kept as { scrollTop: number }).scrollTop;
    expect(scrollTop).toBeGreaterThan(100_000);
    const second = await openModel({ kept });
    await settle(second.page);
    const scrolled = await second.page.getByRole("grid").evaluate((grid) => grid.scrollTop);
    expect(Math.abs(scrolled - scrollTop)).toBeLessThan(30);
    const selected = (kept as { selected: string }).selected;
    const sent = await second.sent();
    const index = sent.find((message) => message.type === "select")?.index;
    expect(view.rows[Number(index)]?.name).toBe(selected);
  });

  test("asks for a preview and applies it", async ({ openModel }) => {
    const opened = await openModel();
    const { page, send, sent } = opened;
    await page.getByRole("button", { name: "Preview" }).first().click();
    expect((await sent()).at(-1)).toMatchObject({
      type: "preview",
      request: { pass: "fold-batch-norm" },
    });
    await send({ type: "busy", message: "Comparing outputs", fraction: 0.4 });
    await opened.screenshot("model-busy");
    await page.getByRole("button", { name: "Cancel" }).click();
    expect((await sent()).at(-1)).toEqual({ type: "cancel" });
    await send({ type: "preview", request: { pass: "fold-batch-norm" }, report: passReport(true) });
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    expect((await sent()).at(-1)).toEqual({ type: "apply", request: { pass: "fold-batch-norm" } });
  });

  test("offers every technique in a menu that the keyboard walks", async ({ openModel }) => {
    const opened = await openModel();
    const { page, send, sent } = opened;
    const button = page.getByRole("button", { name: "Techniques" });
    expect(await button.isDisabled()).toBe(true);
    await send({ type: "techniques", ...TECHNIQUES });
    await button.focus();
    await page.keyboard.press("Enter");
    await settle(page);
    await opened.screenshot("model-techniques");
    expect(await page.getByRole("menuitem").filter({ visible: true }).allTextContents()).toEqual(
      ["Insert BatchNorm…", "Insert Dropout…", "Spectrum…"].map((label) =>
        expect.stringContaining(label),
      ),
    );
    expect(await accessibilityViolations(page)).toEqual([]);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    expect((await sent()).at(-1)).toEqual({
      type: "customize",
      request: { pass: "insert-dropout" },
    });
    await page.keyboard.press("Enter");
    await page.keyboard.press("s");
    await page.keyboard.press("Enter");
    expect((await sent()).at(-1)).toEqual({ type: "analyze", analysis: "spectrum" });
    await page.getByRole("button", { name: "More ways to fold" }).click();
    await page.getByRole("menuitem", { name: "Fold selected…" }).click();
    expect((await sent()).at(-1)).toMatchObject({
      type: "customize",
      request: { pass: "fold-batch-norm" },
    });
  });

  test("lists what the passes can do at the selected node, once", async ({ openModel }) => {
    const opened = await openModel();
    const { page, send, sent } = opened;
    await send({ type: "techniques", ...TECHNIQUES });
    await page.getByRole("row", { name: /layer1\.0\.bn/ }).click();
    await send({ type: "nodeDetail", detail: nodeDetail(view, 1) });
    const list = page.getByRole("list", { name: "Techniques for this node" });
    expect(await list.getByRole("listitem").count()).toBe(1);
    const name = "Insert Dropout after layer1.0.bn";
    const request = { pass: "insert-dropout", sites: ["layer1.0.bn"] };
    await page.getByRole("button", { name: `Apply: ${name}` }).click();
    expect((await sent()).at(-1)).toEqual({ type: "apply", request });
    await page.getByRole("button", { name: `Options…: ${name}` }).click();
    expect((await sent()).at(-1)).toEqual({ type: "customize", request });
  });

  test("says what a pass changed in the function, and shows its tables", async ({ openModel }) => {
    const opened = await openModel({ theme: "light" });
    const { page, send, sent } = opened;
    const { certificate: _, ...others } = passReport(true);
    const report = {
      ...others,
      title: "Insert BatchNorm",
      statement: "The function is another one: channels are normalized with the data's moments.",
      tables: [REPORT_TABLE],
    };
    await send({ type: "applied", sentence: "Done.", report });
    await page.getByText(report.statement).waitFor();
    const table = page.getByRole("table", { name: /Channels/ });
    expect(await table.getByRole("row").count()).toBe(501);
    expect(await table.getByRole("columnheader").allTextContents()).toEqual(REPORT_TABLE.columns);
    const cell = table.getByRole("cell", { name: "24,282" }).first();
    expect(await cell.evaluate((element) => getComputedStyle(element).textAlign)).toBe("right");
    await page.getByText("100 more rows are not shown.").waitFor();
    await opened.screenshot("model-report-table");
    expect(await scrollsSideways(page)).toBe(false);
    await page.getByRole("button", { name: "Open report" }).click();
    expect((await sent()).at(-1)).toMatchObject({ type: "openReport", report });
    const short = { ...REPORT_TABLE, rows: REPORT_TABLE.rows.slice(0, 5) };
    await send({ type: "applied", sentence: "Done.", report: { ...report, tables: [short] } });
    expect(await accessibilityViolations(page)).toEqual([]);
  });

  test("says where a certificate failed and offers to undo", async ({ openModel }) => {
    const opened = await openModel();
    const { page, send, sent } = opened;
    await send({ type: "applied", sentence: "Folded 53 nodes.", report: passReport(false) });
    await opened.screenshot("model-failed-certificate");
    expect(await page.getByRole("alert").textContent()).toContain("Not the same function");
    await page.getByText(/Largest at y at element 417/).waitFor();
    expect(await accessibilityViolations(page)).toEqual([]);
    await page.getByRole("button", { name: "Undo" }).click();
    expect((await sent()).at(-1)).toEqual({ type: "undo" });
    await send({ type: "outdated" });
    expect(await page.getByRole("alert").count()).toBe(0);
    expect(await page.getByRole("status").textContent()).toMatch(/^5,000 nodes/);
    await send({ type: "notice", message: "Saved scale.csv." });
    expect(await page.getByRole("status").textContent()).toBe("Saved scale.csv.");
  });

  test("has a page for a file that cannot be opened", async ({ openPage }) => {
    const opened = await openPage({ page: "model", theme: "light" });
    const { page, send, sent } = opened;
    await send(
      { type: "opening", fileName: "broken.onnx", bytes: 512 },
      { type: "failed", message: "broken.onnx ends in the middle of a tensor, at byte 512." },
    );
    await opened.screenshot("model-failed");
    expect(await accessibilityViolations(page)).toEqual([]);
    await page.getByRole("button", { name: "Retry" }).click();
    expect((await sent()).at(-1)).toEqual({ type: "retry" });
  });

  test.for([400, 2000])(
    "fits a width of %i pixels without scrolling sideways",
    async (width, { openModel }) => {
      const opened = await openModel({ width, height: width === 400 ? 900 : 1100 });
      await opened.page.getByText("layer1.0.bn", { exact: true }).first().click();
      await opened.send({ type: "nodeDetail", detail: nodeDetail(view, 1) });
      await opened.screenshot(`model-${width}`);
      expect(await scrollsSideways(opened.page)).toBe(false);
    },
  );
});
