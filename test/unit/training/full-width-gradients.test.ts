import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import {
  errorOf,
  type GradientGolden,
  gradientsOf,
  type NetworkGolden,
  networkGoldens,
  noise,
} from "../../support/network-gradients.ts";
import { temporaryFolder } from "../../support/repository.ts";

/** What test/oracles/full_width_gradients.py writes, and describes. */
interface FullWidthGolden extends NetworkGolden {
  readonly model: string;
  readonly weights: readonly {
    readonly factor: number;
    readonly offset: number;
    readonly count: number;
  }[];
  readonly gradients: Readonly<Record<string, GradientGolden & { readonly scale: number }>>;
}

const models = await networkGoldens<FullWidthGolden>("full-width-gradients.json.gz");

/** Of a parameter's largest gradient; float32 PyTorch is within 3.3e-5 of it here, and ours as near. */
const TOLERANCE = 1e-4;

/** The model's file beside its weights, which are too large to be kept and drawn again. */
async function drawn(golden: FullWidthGolden): Promise<Graph> {
  const folder = await temporaryFolder();
  const total = golden.weights.reduce((sum, { count }) => sum + count, 0);
  const values = noise(golden.seed + 1, total);
  let start = 0;
  for (const { factor, offset, count } of golden.weights) {
    for (let index = start; index < start + count; index++) {
      values[index] = offset + factor * (values[index] ?? Number.NaN);
    }
    start += count;
  }
  await writeFile(join(folder, "weights.bin"), values);
  await writeFile(join(folder, "model.onnx"), Buffer.from(golden.model, "base64"));
  return readModel(join(folder, "model.onnx"));
}

describe("at full width the gradient is PyTorch's, in float64, away from kinks", () => {
  test.each(Object.entries(models))("%s", async (name, golden) => {
    const { loss, gradients } = await gradientsOf(name, await drawn(golden), golden, 2);
    expect(Math.abs(loss / golden.value - 1)).toBeLessThan(1e-5);
    expect(gradients).toHaveLength(Object.keys(golden.gradients).length);
    const errors = gradients.map(({ name: parameter, shape, values }) => {
      const expected = golden.gradients[parameter];
      expect(shape).toEqual(expected?.shape);
      const error = expected === undefined ? Number.NaN : errorOf(values, expected, expected.scale);
      return { parameter, error };
    });
    expect(errors.filter(({ error }) => !(error < TOLERANCE))).toEqual([]);
  });
});
