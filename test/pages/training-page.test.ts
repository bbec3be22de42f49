import { describe, expect } from "vitest";
import { DEFAULT_TRAINING_CONFIG } from "../../src/protocol/default-training-config.ts";
import type { TrainingEvent } from "../../src/protocol/training.ts";
import type { RunStatus } from "../../src/protocol/training-page.ts";
import {
  accessibilityViolations,
  type OpenedPage,
  type OpenOptions,
  scrollsSideways,
  settle,
  THEME_NAMES,
} from "./fixtures/open-page.ts";
import { test as pageTest } from "./fixtures/page-test.ts";
import { PASS_DESCRIPTIONS } from "./fixtures/techniques.ts";
import { trainingRun } from "./fixtures/training-run.ts";

type OpenTraining = (
  status: RunStatus,
  events: readonly TrainingEvent[],
  options?: Omit<OpenOptions, "page"> & { readonly message?: string },
) => Promise<OpenedPage>;

const test = pageTest.extend<{ openTraining: OpenTraining }>({
  openTraining: ({ openPage }, use) =>
    use(async (status, events, { message, ...options } = {}) => {
      const opened = await openPage({ page: "train", width: 1400, height: 900, ...options });
      await opened.send({
        type: "init",
        model: "file:///models/digits-cnn.onnx",
        fileName: "digits-cnn.onnx",
        config: DEFAULT_TRAINING_CONFIG,
        status,
        events,
        ...(message === undefined ? {} : { message }),
      });
      return opened;
    }),
});

/** Of an element's text with all that is behind it, by WCAG 2.1: (lighter + 0.05) / (darker + 0.05). */
function contrast(element: Element): number {
  const drawing = document.createElement("canvas").getContext("2d");
  if (drawing === null) throw new Error("no canvas");
  const paint = (color: string) => {
    drawing.fillStyle = color;
    drawing.fillRect(0, 0, 1, 1);
  };
  const luminance = () => {
    const [red = 0, green = 0, blue = 0] = [...drawing.getImageData(0, 0, 1, 1).data]
      .map((byte) => byte / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind: string[] = [];
  for (let node: Node | null = element; node !== null; ) {
    if (node instanceof Element) behind.unshift(getComputedStyle(node).backgroundColor);
    node = node instanceof ShadowRoot ? node.host : node.parentNode;
  }
  for (const color of behind) paint(color);
  const background = luminance();
  paint(getComputedStyle(element).color);
  const [darker = 0, lighter = 0] = [background, luminance()].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

describe("the training page", () => {
  test.for(THEME_NAMES)(
    "has no accessibility violation in the theme %s",
    async (theme, { openTraining }) => {
      const opened = await openTraining("finished", trainingRun(27, "earlyStopping"), { theme });
      await opened.screenshot(`train-finished-${theme}`);
      // Before the checker runs: it copies style sheets, of which the policy complains.
      expect(opened.complaints).toEqual([]);
      expect(await accessibilityViolations(opened.page, theme)).toEqual([]);
    },
  );

  test.for(THEME_NAMES)(
    "can be read under the pointer in the theme %s",
    async (theme, { openTraining }) => {
      const { page } = await openTraining("finished", trainingRun(27, "earlyStopping"), { theme });
      const apply = page.getByRole("button", { name: "Apply weights" });
      await apply.hover();
      expect(await apply.locator(".base").evaluate(contrast)).toBeGreaterThan(4.5);
      await page.locator("normlens-setup-field vscode-single-select").first().click();
      const option = page.getByRole("option", { name: "0 to 1" });
      await option.hover();
      expect(await option.evaluate(contrast)).toBeGreaterThan(4.5);
    },
  );

  test("starts with the form's configuration and marks what is wrong before", async ({
    openTraining,
  }) => {
    const opened = await openTraining("idle", []);
    const { page, sent } = opened;
    await opened.screenshot("train-idle");
    const batch = page.getByRole("textbox", { name: "Batch size" });
    await batch.fill("0");
    await settle(page);
    await page.getByText("Must be 1 or more.").waitFor();
    expect(await batch.getAttribute("aria-invalid")).toBe("true");
    await opened.screenshot("train-invalid");
    expect(await accessibilityViolations(page)).toEqual([]);
    await page.getByRole("button", { name: "Start" }).click({ force: true });
    expect((await sent()).some((message) => message.type === "start")).toBe(false);
    await batch.fill("64");
    await settle(page);
    await page.getByRole("button", { name: "Start" }).click();
    expect((await sent()).at(-1)).toEqual({
      type: "start",
      config: { ...DEFAULT_TRAINING_CONFIG, batchSize: 64 },
    });
  });

  test("opens the preview of the data as the form divides it", async ({ openTraining }) => {
    const { page, sent } = await openTraining("idle", []);
    await page.getByRole("textbox", { name: "Seed" }).fill("7");
    await page.getByRole("button", { name: "Preview data" }).press("Enter");
    expect((await sent()).at(-1)).toEqual({
      type: "previewData",
      config: { ...DEFAULT_TRAINING_CONFIG, seed: 7 },
    });
  });

  test("lets passes come before training: add, options, order, remove", async ({
    openTraining,
  }) => {
    const opened = await openTraining("idle", []);
    const { page, send, sent } = opened;
    await send({ type: "techniques", passes: PASS_DESCRIPTIONS });
    await page.locator("summary", { hasText: "Before training" }).click();
    const add = page.getByRole("button", { name: "Add a pass before training" });
    for (const name of ["Insert BatchNorm", "Insert Dropout"]) {
      await add.focus();
      await page.keyboard.press("Enter");
      await page.getByRole("menuitem", { name }).press("Enter");
      await settle(page);
    }
    const steps = page.locator("normlens-pass-steps");
    const rate = steps.getByRole("textbox", { name: "rate" });
    await rate.fill("1.5");
    await settle(page);
    await steps.getByText("“1.5” is not possible; a number from 0 to 1 is needed.").waitFor();
    await opened.screenshot("train-passes-invalid");
    expect(await accessibilityViolations(page)).toEqual([]);
    await page.getByRole("button", { name: "Start" }).click({ force: true });
    expect((await sent()).some((message) => message.type === "start")).toBe(false);
    await rate.fill("0.25");
    await page.getByRole("button", { name: "Move Insert Dropout up" }).click();
    await settle(page);
    expect(await steps.getByRole("heading").allTextContents()).toEqual([
      "1. Insert Dropout",
      "2. Insert BatchNorm",
    ]);
    await page.setViewportSize({ width: 1400, height: 1000 });
    await opened.screenshot("train-passes");
    await page.getByRole("button", { name: "Start" }).click();
    expect((await sent()).at(-1)).toEqual({
      type: "start",
      config: {
        ...DEFAULT_TRAINING_CONFIG,
        passes: [
          { pass: "insert-dropout", options: { rate: 0.25 } },
          { pass: "insert-batch-norm", options: { mode: "exact", after: false } },
        ],
      },
    });
    await page.getByRole("button", { name: "Remove Insert Dropout" }).click();
    await settle(page);
    expect(await steps.getByRole("heading").allTextContents()).toEqual(["1. Insert BatchNorm"]);
    expect(await add.evaluate((button) => button.matches(":focus"))).toBe(true);
  });

  test.for([
    ["running", undefined],
    ["paused", undefined],
    ["diverged", "diverged"],
    ["cancelled", "cancelled"],
  ] as const)("shows the state %s with a next step", async ([name, end], { openTraining }) => {
    const status = end === undefined ? (name as RunStatus) : "finished";
    const opened = await openTraining(status, trainingRun(23, end));
    await opened.screenshot(`train-${name}`);
    expect(await accessibilityViolations(opened.page)).toEqual([]);
  });

  test("shows a failed start", async ({ openTraining }) => {
    const message = "digits.csv, column label: “seven” is not a number.";
    const opened = await openTraining("failed", [], { message });
    await opened.screenshot("train-failed");
    await opened.page.getByText(message).waitFor();
  });

  test("draws on while events come, and pauses and stops", async ({ openTraining }) => {
    const all = trainingRun(27, "earlyStopping");
    const opened = await openTraining("running", all.slice(0, 300));
    const { page, send, sent } = opened;
    await page.getByRole("button", { name: "Pause" }).click();
    expect((await sent()).at(-1)).toEqual({ type: "pause" });
    await send({ type: "events", events: all.slice(300) }, { type: "status", status: "finished" });
    const label = await page.getByRole("img", { name: /^Loss over/ }).getAttribute("aria-label");
    expect(label).toContain("Loss over 27 epochs");
    expect(label).toContain("stopped after epoch 27");
    await page.getByRole("button", { name: "Save model…" }).click();
    expect((await sent()).at(-1)).toEqual({ type: "saveModel" });
    await page.getByRole("button", { name: "Export report" }).click();
    expect((await sent()).at(-1)).toEqual({ type: "exportReport" });
  });

  test("shows, copies and saves the numbers of a chart", async ({ openTraining }) => {
    const opened = await openTraining("finished", trainingRun(5, "maxEpochs"));
    const { page, sent } = opened;
    const menu = page.getByRole("button", { name: "Loss: more actions" });
    await menu.focus();
    await page.keyboard.press("Enter");
    await opened.screenshot("train-menu");
    await page.keyboard.press("Enter");
    await settle(page);
    expect(await page.getByRole("region", { name: "Loss" }).getByRole("row").count()).toBe(6);
    await opened.screenshot("train-table");
    expect(await accessibilityViolations(page)).toEqual([]);
    await menu.click();
    await page.getByRole("menuitem", { name: "Copy" }).click();
    await settle(page);
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied.split("\n")[0]).toBe("Epoch\tTraining\tValidation");
    await menu.click();
    await page.getByRole("menuitem", { name: "Save CSV…" }).click();
    expect((await sent()).at(-1)).toMatchObject({ type: "saveFile", suggestedName: "loss.csv" });
  });

  test("points at the same epoch in every chart, and answers the arrow keys", async ({
    openTraining,
  }) => {
    const opened = await openTraining("finished", trainingRun(27, "earlyStopping"));
    const { page } = opened;
    await page.getByRole("img", { name: /^Loss over/ }).focus();
    for (let press = 0; press < 9; press++) await page.keyboard.press("ArrowRight");
    await settle(page);
    await opened.screenshot("train-hover");
    expect(await page.locator("normlens-line-chart [aria-live]").first().textContent()).toMatch(
      /^Epoch 9: /,
    );
  });

  test("toggles a series from the legend and layers by name", async ({ openTraining }) => {
    const opened = await openTraining("finished", trainingRun(27, "earlyStopping"));
    const { page } = opened;
    const training = page.getByRole("button", { name: "Training" }).first();
    await training.focus();
    await page.keyboard.press("Space");
    await settle(page);
    expect(await training.getAttribute("aria-pressed")).toBe("false");
    await page.locator("normlens-shift-panel vscode-single-select").click();
    await page.getByRole("option", { name: "All layers" }).click();
    await page.locator("normlens-curves-panel input[type=range]").fill("0.6");
    await page.locator("normlens-curves-panel vscode-checkbox").click();
    await settle(page);
    await opened.screenshot("train-layers");
    expect(await accessibilityViolations(page)).toEqual([]);
  });

  test("draws gradient norms and update ratios, in any theme, and answers the arrow keys", async ({
    openTraining,
  }) => {
    const opened = await openTraining("finished", trainingRun(27, "earlyStopping"));
    const { page } = opened;
    const norms = page.getByRole("img", { name: /^Gradient norm over 92 measured steps/ });
    const ratios = page.getByRole("img", { name: /^Update ratio over .* the usual 10⁻³/ });
    await ratios.scrollIntoViewIfNeeded();
    await norms.focus();
    for (let press = 0; press < 3; press++) await page.keyboard.press("ArrowRight");
    await settle(page);
    const spoken = page.locator("normlens-gradients-panel [aria-live]").first();
    expect(await spoken.textContent()).toMatch(
      /^Step 21: All together [\d.]+, conv1\.weight [\d.]+/,
    );
    for (const theme of THEME_NAMES) {
      await opened.setTheme(theme);
      await opened.screenshot(`train-gradients-${theme}`);
    }
    expect(opened.complaints).toEqual([]);
    expect(await accessibilityViolations(page, THEME_NAMES.at(-1))).toEqual([]);
  });

  test("an open tooltip takes a new theme's colours at once", async ({ openTraining }) => {
    const opened = await openTraining("finished", trainingRun(27, "earlyStopping"));
    const { page } = opened;
    const norms = page.getByRole("img", { name: /^Gradient norm over 92 measured steps/ });
    const drawn = () => norms.evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
    await norms.focus();
    for (const key of ["ArrowRight", "ArrowRight"]) await page.keyboard.press(key);
    await settle(page);
    const dark = await drawn();
    await opened.setTheme("light");
    await opened.screenshot("train-tooltip-theme-changed");
    const light = await drawn();
    // The same tooltip, opened anew.
    for (const key of ["ArrowRight", "ArrowLeft"]) await page.keyboard.press(key);
    await settle(page);
    await opened.screenshot("train-tooltip-opened-anew");
    expect(light).not.toBe(dark);
    expect(light).toBe(await drawn());
  });

  test("tells why there are no gradients, and saves those there are", async ({ openTraining }) => {
    const [start, ...events] = trainingRun(5, "maxEpochs");
    const opened = await openTraining("finished", [start as TrainingEvent, ...events]);
    const { page, send, sent } = opened;
    await page.getByRole("button", { name: "Update ratio: more actions" }).click();
    await page.getByRole("menuitem", { name: "Save CSV…" }).click();
    expect((await sent()).at(-1)).toMatchObject({
      type: "saveFile",
      suggestedName: "update-ratio.csv",
    });
    const { statistics } = DEFAULT_TRAINING_CONFIG;
    const config = {
      ...DEFAULT_TRAINING_CONFIG,
      statistics: { ...statistics, detailsEverySteps: 0 },
    };
    await send({ type: "events", events: [{ ...start, config } as TrainingEvent] });
    expect(await page.getByText("This run does not measure gradients.").count()).toBe(2);
  });

  test("keeps the form over a reload and follows a change of theme", async ({ openTraining }) => {
    const first = await openTraining("idle", []);
    await first.page.getByRole("textbox", { name: "Epochs at most" }).fill("12");
    await first.page.getByRole("button", { name: "Setup" }).click();
    await settle(first.page);
    const kept = await first.kept();
    const second = await openTraining("finished", trainingRun(27, "earlyStopping"), { kept });
    expect(await second.page.locator("normlens-setup-form").count()).toBe(0);
    await second.setTheme("light");
    await second.screenshot("train-theme-changed");
    await second.page.getByRole("button", { name: "Setup" }).click();
    const epochs = second.page.getByRole("textbox", { name: "Epochs at most" });
    expect(await epochs.inputValue()).toBe("12");
  });

  test.for([400, 2000])(
    "fits a width of %i pixels without scrolling sideways",
    async (width, { openTraining }) => {
      const events = trainingRun(27, "earlyStopping");
      const opened = await openTraining("finished", events, {
        width,
        height: width === 400 ? 900 : 1100,
      });
      await opened.screenshot(`train-${width}`);
      expect(await scrollsSideways(opened.page)).toBe(false);
    },
  );
});
