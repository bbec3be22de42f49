import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { TrainingEvent } from "../../../src/protocol/training.ts";
import { normlens } from "../../support/command-line.ts";
import { greyPng } from "../../support/image-files.ts";
import { REPOSITORY, temporaryFolder } from "../../support/repository.ts";

const MODEL = join(REPOSITORY, "media/samples/digits-cnn.onnx");

/** Two classes in train and test folders, dark and bright, as images of another size than the model's. */
async function darkAndBright(): Promise<string> {
  const folder = await temporaryFolder();
  for (const [part, count] of [
    ["train", 60],
    ["test", 10],
  ] as const) {
    for (const [kind, grey] of [
      ["bright", 170],
      ["dark", 30],
    ] as const) {
      await mkdir(join(folder, part, kind), { recursive: true });
      for (let index = 0; index < count; index++) {
        const bytes = greyPng(12, 10, grey + index);
        await writeFile(join(folder, part, kind, `${index}.png`), bytes);
      }
    }
  }
  return folder;
}

describe("a folder of images on the command line", () => {
  test("trains, with files decoded in a thread, and is told from its test part", async () => {
    const data = await darkAndBright();
    const out = await temporaryFolder();
    await writeFile(
      join(out, "config.json"),
      JSON.stringify({ maxEpochs: 6, inputScaling: "range" }),
    );
    const args = ["--config", join(out, "config.json"), "--runs", join(out, "runs"), "--json"];
    const best = join(out, "best.onnx");
    const result = await normlens(["train", MODEL, "--data", data, "-o", best, ...args]);
    expect(result.stderr).toBe("");
    const events = result.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as TrainingEvent);
    const start = events.find(({ event }) => event === "start");
    expect(start).toMatchObject({
      samples: { train: 90, validation: 30, test: 20 },
      inputScaling: { groupSize: 64 },
    });
    const done = events.find(({ event }) => event === "done");
    expect(done).toMatchObject({ testAccuracy: 1 });
    expect((await readFile(best)).length).toBeGreaterThan(1000);
  });

  test.each([
    [["--data-option", "hight=3"], "dataOptions.hight: no such field; there are "],
    [["--data-option", "height=-3"], "dataOptions.height: -3 is not allowed"],
    [["--data-option", "range=1,1"], "dataOptions.range: [1,1] is not allowed"],
    [["--data-option", "channels"], "--data-option channels: name=value is needed"],
  ])("%j is refused in one line", async (args, message) => {
    const result = await normlens(["stats", MODEL, "--data", "digits", ...args]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(message);
    expect(result.stderr.trim().split("\n")).toHaveLength(1);
  });

  test("says how data is read to whatever measures or compares on it", async () => {
    const folder = await temporaryFolder();
    const data = join(folder, "labels-first.csv");
    const pixels = Array.from({ length: 64 }, (_, index) => `p${index}`);
    const row = (kind: number) => [kind, ...pixels.map((_, index) => (index % 7) / (7 + kind))];
    const rows = Array.from({ length: 12 }, (_, index) => row(index % 3).join(","));
    await writeFile(data, `${[["kind", ...pixels].join(","), ...rows].join("\n")}\n`);
    const table = ["--data", data, "--data-option"];
    const analysis = ["analyze", "batch-norm-shift", MODEL, ...table];
    const read = await normlens([...analysis, "labelColumn=kind"]);
    expect([read.code, read.stderr]).toEqual([0, ""]);
    for (const command of [
      analysis,
      ["verify", MODEL, MODEL, ...table],
      ["convert", MODEL, "-o", join(folder, "out.keras"), ...table],
      ["apply", "recalibrate-batch-norm", MODEL, "-o", join(folder, "out.onnx"), ...table],
    ]) {
      const refused = await normlens([...command, "labelColumn=sort"]);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain(
        'labelColumn: there is no column "sort"; there are kind, p0',
      );
    }
    const alone = await normlens(["verify", MODEL, MODEL, "--data-option", "labelColumn=kind"]);
    expect(alone.stderr).toContain("there is no --data that it could be for");
  }, 60_000);

  test("a file that is no image ends the run with its name and exit code 2", async () => {
    const data = await darkAndBright();
    await writeFile(join(data, "train", "dark", "7.png"), "text");
    const out = await temporaryFolder();
    const result = await normlens(
      ["train", MODEL, "--data", data, "-o", "best.onnx", "--runs", "runs"],
      { cwd: out },
    );
    expect(result.code).toBe(2);
    const file = join(data, "train", "dark", "7.png");
    expect(result.stderr).toContain(`${file}: is neither a PNG nor a JPEG`);
  });
});
