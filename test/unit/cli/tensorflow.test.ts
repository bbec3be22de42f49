import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readLayersFile } from "../../../src/training/tensorflow/layers-file.ts";
import { normlens } from "../../support/command-line.ts";
import { SAMPLES, temporaryFolder } from "../../support/repository.ts";
import { TENSORFLOW_FOLDER, tensorFlow, WHERE_TENSORFLOW_IS } from "../../support/tensorflow.ts";
import { saveLayers, smallNetwork } from "../training/tensorflow/layers-models.ts";

async function trainArguments(folder: string, model: string, options: object = {}) {
  const config = join(folder, "config.json");
  await writeFile(config, JSON.stringify({ engine: "tensorflow", ...options }));
  const runs = ["--runs", join(folder, "runs"), "--json"];
  return ["train", model, "--config", config, "-o", join(folder, "out", "model.json"), ...runs];
}

const eventsIn = (stdout: string) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("engine tensorflow on the command line", () => {
  test("where it is not installed, the sentence says how to install it", async () => {
    const folder = await temporaryFolder();
    const args = await trainArguments(folder, "model.json");
    const { code, stderr } = await normlens(args, { env: { NORMLENS_TENSORFLOW: folder } });
    expect(stderr).toMatch(/^normlens: engine: TensorFlow is not installed; .*install-tensorflow/);
    expect(code).toBe(2);
    expect(existsSync(join(folder, "runs"))).toBe(false);
  });

  test("a model without layers is refused before TensorFlow is asked for", async () => {
    const folder = await temporaryFolder();
    const args = await trainArguments(folder, join(SAMPLES, "digits-cnn.onnx"));
    const { code, stderr } = await normlens(args, { env: { NORMLENS_TENSORFLOW: folder } });
    expect(stderr).toMatch(/digits-cnn\.onnx: engine "tensorflow" trains layers models/);
    expect(code).toBe(2);
    expect(existsSync(join(folder, "runs"))).toBe(false);
  });

  test("a package that does not load is named", async () => {
    const folder = await temporaryFolder();
    const { code, stderr } = await normlens(await trainArguments(folder, "model.json"), {
      env: { NORMLENS_TENSORFLOW: await brokenPackage(folder) },
    });
    expect(stderr).toMatch(/tfjs-node does not load: .*\n$/);
    expect(code).toBe(2);
  });

  test("without npm, installing says so and leaves nothing", async () => {
    const folder = await temporaryFolder();
    const env = { PATH: folder, XDG_DATA_HOME: folder, LOCALAPPDATA: folder, HOME: folder };
    const { code, stderr } = await normlens(["install-tensorflow"], { env });
    expect(stderr).toBe(
      "normlens: npm was not found; TensorFlow is installed with npm, which comes with Node.js (nodejs.org)\n",
    );
    expect(code).toBe(2);
    expect(
      (await readdir(folder, { recursive: true })).filter((name) => /tensorflow/.test(name)),
    ).toEqual([]);
  });

  test("without its registry, installing gives npm's reason and leaves nothing", async () => {
    const folder = await temporaryFolder();
    const { code, stderr } = await normlens(["install-tensorflow"], {
      env: {
        XDG_DATA_HOME: folder,
        LOCALAPPDATA: folder,
        npm_config_registry: "http://127.0.0.1:9/",
        npm_config_fetch_retries: "0",
        npm_config_cache: join(folder, "cache"),
      },
    });
    expect(stderr).toMatch(
      /^normlens: npm could not install TensorFlow: .*(ECONNREFUSED|127\.0\.0\.1)/,
    );
    expect(code).toBe(2);
    expect(await readdir(join(folder, "normlens")).catch(() => [])).toEqual([]);
  });
});

async function brokenPackage(folder: string): Promise<string> {
  const place = join(folder, "node_modules", "@tensorflow", "tfjs-node");
  await mkdir(place, { recursive: true });
  await writeFile(
    join(place, "package.json"),
    '{ "name": "@tensorflow/tfjs-node", "main": "a.js" }',
  );
  await writeFile(join(place, "a.js"), 'require("./tfjs_binding.node");');
  return folder;
}

describe.skipIf(TENSORFLOW_FOLDER === undefined)(
  `TensorFlow in its own process${WHERE_TENSORFLOW_IS}`,
  () => {
    test("trains, is interrupted in order, and goes on to what an uninterrupted run ends with", async () => {
      const folder = await temporaryFolder();
      const model = await saveLayers(smallNetwork(tensorFlow().tf, {}, 0.3), folder);
      const options = { maxEpochs: 3, checkpoint: { leastSeconds: 0 }, threads: 1 };
      const args = await trainArguments(folder, model, options);
      const whole = eventsIn((await normlens(args)).stdout);
      const expected = whole.filter(({ event }) => event === "step");
      expect(whole.at(-1)).toMatchObject({
        event: "done",
        model: join(folder, "out", "model.json"),
      });
      const saved = await readLayersFile(join(folder, "out", "model.json"));

      const cut = await normlens(args, { interruptAt: /"event":"epoch"/ });
      expect(cut.code).toBe(0);
      const told = eventsIn(cut.stdout);
      expect(told.find(({ event }) => event === "stop")).toMatchObject({ reason: "cancelled" });
      const run = told[0].run as string;
      const resumed = await normlens(["train", "--resume", run, "--json"]);
      expect(resumed.stderr).toBe("");
      const steps = eventsIn(resumed.stdout).filter(({ event }) => event === "step");
      expect(steps).toEqual(expected);
      expect((await readLayersFile(join(folder, "out", "model.json"))).fingerprint).toBe(
        saved.fingerprint,
      );
    });

    test.each([
      [{ passes: [{ pass: "insert-dropout" }] }, /^normlens: passes: not with engine "tensorflow"/],
      [{ statistics: { values: ["a"] } }, /^normlens: statistics\.values: not with engine/],
      [{ intoModel: { constraints: true } }, /^normlens: intoModel: not with engine "tensorflow"/],
      [{ frozen: { names: ["nobody"] } }, /^normlens: frozen\.names: "nobody" matches no weight/],
    ])("%o is refused before anything runs", async (options, sentence) => {
      const folder = await temporaryFolder();
      const model = await saveLayers(smallNetwork(tensorFlow().tf), folder);
      const { code, stderr } = await normlens(await trainArguments(folder, model, options));
      expect(stderr).toMatch(sentence);
      expect(code).toBe(2);
      expect(existsSync(join(folder, "runs"))).toBe(false);
    });
  },
);
