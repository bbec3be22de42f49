import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { normlens } from "../../support/command-line.ts";
import { modelWithWeight } from "../../support/hostile-models.ts";
import { SAMPLES, temporaryFolder } from "../../support/repository.ts";

const SAMPLE = join(SAMPLES, "digits-cnn.onnx");

async function hostileFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  const whole = await readFile(SAMPLE);
  return new Map([
    ["truncated.onnx", whole.subarray(0, whole.length / 2)],
    ["text.onnx", new TextEncoder().encode("not a model\n")],
    ["empty.onnx", new Uint8Array()],
    ["outside.onnx", modelWithWeight({ dims: [4n], external: { location: "../../etc/passwd" } })],
    ["claims.onnx", modelWithWeight({ dims: [10n ** 12n], rawData: new Uint8Array(8) })],
  ]);
}

describe("a bad file ends with exit 2, one line that names it, in under a second", () => {
  test.each(["truncated.onnx", "text.onnx", "empty.onnx", "outside.onnx", "claims.onnx"])(
    "%s",
    async (name) => {
      const folder = await temporaryFolder();
      const bytes = (await hostileFiles()).get(name) ?? new Uint8Array();
      await writeFile(join(folder, name), bytes);
      const commands = [
        ["inspect", name],
        ["fold", name, "-o", "out.onnx"],
        ["verify", name, SAMPLE],
        ["stats", name, "--data", "digits"],
        ["train", name, "--data", "digits", "-o", "out.onnx"],
      ];
      for (const command of commands) {
        const result = await normlens(command, { cwd: folder });
        expect(result.code, command.join(" ")).toBe(2);
        expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
        expect(result.stderr).toContain(name);
        expect(result.stderr).not.toMatch(/\bat .*:\d+/);
        expect(result.stdout).toBe("");
      }
      expect(await readdir(folder)).toEqual([name]);
    },
  );
});

test.each([
  [["inspect", "missing.onnx"], /missing\.onnx: no such file/],
  [["inspect"], /missing required argument 'model'/],
  [["fold", SAMPLE], /required option '-o/],
  [["unfold", SAMPLE], /unknown command 'unfold'/],
  [[], /a command is needed/],
  [["apply", "fold-everything", SAMPLE, "-o", "x.onnx"], /fold-everything.*fold-batch-norm/],
  [["apply", "fold-batch-norm", SAMPLE, "-o", "x.onnx", "--set", "oops"], /--set oops: key=value/],
  [["train", SAMPLE, "--data", "missing.csv", "-o", "x.onnx"], /missing\.csv/],
  [["train", SAMPLE, "--seed", "abc", "-o", "x.onnx"], /seed/],
  [["train", SAMPLE, "--weights", "stale", "-o", "x.onnx"], /weights/],
])("%j is refused with exit 2", async (command, message) => {
  const folder = await temporaryFolder();
  const result = await normlens(command, { cwd: folder });
  expect(result.code).toBe(2);
  expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(result.stderr).toMatch(message);
  expect(await readdir(folder)).toEqual([]);
});

test("--help and --version are answers, not refusals", async () => {
  const help = await normlens(["--help"]);
  expect(help.code).toBe(0);
  expect(help.stdout).toMatch(/inspect[\s\S]*fold[\s\S]*verify[\s\S]*train[\s\S]*stats/);
  const version = await normlens(["--version"]);
  const manifest = JSON.parse(await readFile("package.json", "utf8"));
  expect(version.stdout.trim()).toBe(manifest.version);
});
