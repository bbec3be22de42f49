import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { examineDataset } from "../../src/data/examine-dataset.ts";
import { openDataset } from "../../src/data/open-dataset.ts";
import type { DataReport } from "../../src/protocol/data-report.ts";
import { temporaryFolder } from "../support/repository.ts";
import { wav } from "../support/wav-file.ts";
import { HOSTILE_NAME } from "./fixtures/model-view.ts";
import { accessibilityViolations, scrollsSideways, THEME_NAMES } from "./fixtures/open-page.ts";
import { test } from "./fixtures/page-test.ts";

const options = { shares: { train: 0.6, validation: 0.2, test: 0.2 }, seed: 0, isScaled: false };
const reportOf = async (data: string) => examineDataset(await openDataset(data), options);

/** The digits with a name, a class, a sample and a warning that would run code if they were HTML. */
async function hostileDigits(): Promise<DataReport> {
  const report = await reportOf("digits");
  return {
    ...report,
    name: HOSTILE_NAME,
    classes: report.classes.map((each, at) => (at === 0 ? { ...each, name: HOSTILE_NAME } : each)),
    shown: report.shown.map((each, at) =>
      at === 0 ? { ...each, name: HOSTILE_NAME, target: HOSTILE_NAME } : each,
    ),
    warnings: [{ rule: "leakage", count: 1, message: `1 sample is ${HOSTILE_NAME}.` }],
  };
}

describe("the data page", () => {
  test.for(THEME_NAMES)(
    "has no accessibility violation in the theme %s, and names stay text",
    async (theme, { openPage }) => {
      const opened = await openPage({ page: "data", theme });
      const { page, send } = opened;
      await send({ type: "reading", data: "digits" });
      await send({ type: "report", report: await hostileDigits() });
      await opened.screenshot(`data-digits-${theme}`);
      expect(opened.complaints).toEqual([]);
      expect(await page.evaluate(() => "hacked" in window)).toBe(false);
      await page.getByText(`1 sample is ${HOSTILE_NAME}.`).waitFor();
      expect(await accessibilityViolations(page, theme)).toEqual([]);
    },
  );

  test("draws each sample's pixels, and says what it is", async ({ openPage }) => {
    const { page, send } = await openPage({ page: "data" });
    const report = await reportOf("digits");
    await send({ type: "report", report });
    const images = page.getByRole("img", { name: /^Image of / });
    expect(await images.count()).toBe(30);
    const [first] = report.shown;
    if (first?.view.kind !== "image") throw new Error("an image expected");
    expect(await images.first().getAttribute("aria-label")).toBe(
      `Image of 0: ${first.name}, ${{ train: "training", validation: "validation", test: "test" }[first.part ?? "test"]}, 8×8 pixels`,
    );
    const drawn = await images.first().evaluate((canvas) => {
      const { data } =
        (canvas as HTMLCanvasElement).getContext("2d")?.getImageData(0, 0, 8, 8) ?? {};
      return Array.from(data ?? []).filter((_, at) => at % 4 === 0);
    });
    expect(drawn).toEqual([...Buffer.from(first.view.pixels, "base64")]);
    await page.getByText("1,797 samples of 1×8×8 · 10 classes").waitFor();
    await page.getByText("Nothing to warn of.").waitFor();
  });

  test("shows the shape of sounds, and a table's features and samples", async ({ openPage }) => {
    const folder = await temporaryFolder();
    for (const name of ["high", "low"]) {
      await mkdir(join(folder, name));
      for (let file = 0; file < 3; file++) {
        const pitch = (name === "high" ? 9 : 3) + file / 10;
        const channel = Array.from({ length: 800 }, (_, at) => Math.sin((at * pitch) / 100));
        await writeFile(
          join(folder, name, `${file}.wav`),
          wav({ rate: 8000, channels: [channel] }),
        );
      }
    }
    const opened = await openPage({ page: "data", width: 420 });
    const { page, send } = opened;
    await send({ type: "report", report: await reportOf(folder) });
    expect(await page.getByRole("img", { name: /^Sound of high: .*, 0\.1 s/ }).count()).toBe(3);
    await opened.screenshot("data-sounds-narrow");
    expect(await scrollsSideways(page)).toBe(false);
    const table = join(await temporaryFolder(), "t.csv");
    const rows = Array.from({ length: 60 }, (_, row) => `${row},${row / 7},${row % 2 ? "b" : "a"}`);
    await writeFile(table, ["age,size,label", ...rows].join("\n"));
    await send({ type: "report", report: await reportOf(table) });
    await page.getByRole("region", { name: "Features" }).waitFor();
    await page.getByRole("region", { name: "Samples" }).waitFor();
    expect(await page.getByRole("columnheader", { name: "age" }).count()).toBe(1);
    await opened.screenshot("data-table-narrow");
    expect(await accessibilityViolations(page)).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });

  test("tells how far reading is, and what to do where it failed", async ({ openPage }) => {
    const { page, send, sent } = await openPage({ page: "data" });
    await send({ type: "reading", data: "t.csv", model: "m.onnx" });
    await send({ type: "progress", fraction: 0.42 });
    await page.getByText("Reading samples… 42 %").waitFor();
    await send({ type: "failed", message: "t.csv: is empty; rows are needed" });
    await page.getByRole("alert").getByText("t.csv: is empty; rows are needed").waitFor();
    expect(await accessibilityViolations(page)).toEqual([]);
    await page.getByRole("button", { name: "Read without m.onnx" }).press("Enter");
    expect((await sent()).at(-1)).toEqual({ type: "readAgain", withModel: false });
    await send({ type: "reading", data: "t.csv" });
    await page.getByText("Reading samples… 0 %").waitFor();
  });
});
