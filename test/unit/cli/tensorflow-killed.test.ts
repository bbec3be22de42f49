import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readLayersFile } from "../../../src/training/tensorflow/layers-file.ts";
import { normlens } from "../../support/command-line.ts";
import { REPOSITORY, temporaryFolder } from "../../support/repository.ts";
import { TENSORFLOW_FOLDER, tensorFlow, WHERE_TENSORFLOW_IS } from "../../support/tensorflow.ts";
import { saveLayers, smallNetwork } from "../training/tensorflow/layers-models.ts";

/** Runs the command; when so many steps have been told, the process that works on the run gets SIGKILL. */
async function killedAt(steps: number, args: readonly string[], runs: string) {
  const child = spawn(process.execPath, [join(REPOSITORY, "dist/cli.js"), ...args]);
  let [told, stderr, killed] = ["", "", 0];
  child.stdout.setEncoding("utf8").on("data", async (text: string) => {
    told += text;
    if (killed !== 0 || told.split('"event":"step"').length <= steps) return;
    killed = -1;
    const [run = ""] = await readdir(runs);
    killed = Number(await readFile(join(runs, run, "running.pid"), "utf8"));
    process.kill(killed, "SIGKILL");
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  return { code, stderr, killed };
}

function isAlive(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch {
    return false;
  }
}

const stepsIn = (stdout: string) =>
  stdout.split("\n").filter((line) => line.startsWith('{"event":"step"'));

/** A model in a new folder, and the arguments that train it into a folder below, by that one's name. */
async function prepared() {
  const folder = await temporaryFolder();
  const model = await saveLayers(smallNetwork(tensorFlow().tf, {}, 0.3), folder);
  const config = join(folder, "config.json");
  const checkpoint = { leastSeconds: 0, everySteps: 4 };
  const split = { train: 0.3, validation: 0.1, test: 0.6 };
  const options = { engine: "tensorflow", maxEpochs: 2, threads: 1, split, checkpoint };
  await writeFile(config, JSON.stringify(options));
  const args = (name: string) => {
    const where = ["-o", join(folder, name, "model.json"), "--runs", join(folder, name, "runs")];
    return ["train", model, "--data", "digits", "--config", config, ...where, "--json"];
  };
  return { folder, args };
}

/** Five runs, each of which loads TensorFlow. */
const TIME = 300_000;

describe.skipIf(TENSORFLOW_FOLDER === undefined)(
  `a killed TensorFlow process${WHERE_TENSORFLOW_IS}`,
  () => {
    test("is told in one sentence, leaves nothing behind, and the run ends as it would have", {
      timeout: TIME,
    }, async () => {
      const { folder, args } = await prepared();
      const whole = await normlens(args("whole"));
      expect(whole.stderr).toBe("");
      const steps = stepsIn(whole.stdout);
      const expected = await readLayersFile(join(folder, "whole", "model.json"));
      for (const share of [0.1, 0.7]) {
        const name = `killed ${share}`;
        const runs = join(folder, name, "runs");
        const { code, stderr, killed } = await killedAt(steps.length * share, args(name), runs);
        expect(stderr).toMatch(
          /^normlens: .*runs.*: TensorFlow's process ended unexpectedly \(SIGKILL, .*resumed\n$/,
        );
        expect(code).toBe(2);
        expect(isAlive(killed)).toBe(false);
        expect(existsSync(join(folder, name, "model.json"))).toBe(false);
        const [run = ""] = await readdir(runs);
        const resumed = await normlens(["train", "--resume", join(runs, run), "--json"]);
        expect(resumed.stderr).toBe("");
        expect(stepsIn(resumed.stdout)).toEqual(steps);
        const { fingerprint } = await readLayersFile(join(folder, name, "model.json"));
        expect(fingerprint).toBe(expected.fingerprint);
      }
    });

    test("ends when the command that started it is killed", async () => {
      const { folder, args } = await prepared();
      const runs = join(folder, "orphan", "runs");
      const child = spawn(process.execPath, [join(REPOSITORY, "dist/cli.js"), ...args("orphan")]);
      await new Promise((resolve) => child.stdout.once("data", resolve));
      const [run = ""] = await readdir(runs);
      const worker = Number(await readFile(join(runs, run, "running.pid"), "utf8"));
      expect(isAlive(worker)).toBe(true);
      child.kill("SIGKILL");
      await expect.poll(() => isAlive(worker), { timeout: 60_000 }).toBe(false);
    });
  },
);
