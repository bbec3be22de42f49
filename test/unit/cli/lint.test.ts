import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { normlens } from "../../support/command-line.ts";
import { SAMPLES } from "../../support/repository.ts";
import { networks } from "../formats/tfjs/networks.ts";
import { save } from "../formats/tfjs/tfjs-models.ts";

async function mlp(): Promise<string> {
  const network = networks().find(({ name }) => name === "an MLP");
  if (network === undefined) throw new Error("There is no such network.");
  return save(network.build());
}

test("lint tells where in a model.json a finding is, and no place in a binary model", async () => {
  const file = await mlp();
  const text = JSON.stringify(JSON.parse(await readFile(file, "utf8")), undefined, 2);
  await writeFile(file, text);
  const sample = join(SAMPLES, "digits-cnn.onnx");
  const { code, stdout } = await normlens(["lint", file, sample, "--json"]);
  expect(code).toBe(0);
  const { findings } = JSON.parse(stdout);
  const found = findings.find((each: { fix?: { title: string } }) =>
    each.fix?.title.startsWith("Fold bn_a into"),
  );
  const line = text.split("\n").findIndex((each) => each.includes('"name": "bn_a"'));
  expect(found).toMatchObject({ file, rule: "fold-batch-norm", severity: "information" });
  expect(found.range.start.line).toBe(line);
  const binary = findings.filter((each: { file: string }) => each.file === sample);
  expect(binary.length).toBeGreaterThan(0);
  expect(binary.every(({ range }: { range: unknown }) => range === null)).toBe(true);

  const plain = await normlens(["lint", file]);
  expect(plain.stdout).toContain(`${file}:${line + 1}:`);
});

test("a model.json that is wrong is refused with its file", async () => {
  const file = await mlp();
  await writeFile(file, (await readFile(file, "utf8")).replace('"units":3', '"units":-3'));
  const { code, stdout, stderr } = await normlens(["lint", file]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/model\.json: layer dense_b: units is -3/);
  await writeFile(file, '{"name":"shop"}');
  expect((await normlens(["lint", file])).stderr).toMatch(/model\.json: .*modelTopology/);
});
