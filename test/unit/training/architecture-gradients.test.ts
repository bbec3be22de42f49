import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import {
  errorOf,
  type GradientGolden,
  gradientsOf,
  type NetworkGolden,
  networkGoldens,
} from "../../support/network-gradients.ts";
import { REPOSITORY } from "../../support/repository.ts";

const models = await networkGoldens<NetworkGolden>("architecture-gradients.json.gz");

/** Of a parameter's largest gradient; float32 PyTorch is within 5e-5 at the seeds that were chosen. */
const TOLERANCE = 1e-4;

/**
 * The floor of that scale, of the network's largest gradient: a bias in front of a BatchNorm has the
 * gradient 0, of which float32 leaves the rounding of what cancelled.
 */
const FLOOR = 1e-3;

async function computed(name: string, golden: NetworkGolden, threads: number) {
  const file = join(REPOSITORY, "test/fixtures/architectures", `${name}.onnx`);
  return gradientsOf(name, await readModel(file), golden, threads);
}

describe("the gradient of a whole network is PyTorch's, in float64", () => {
  test.each(Object.entries(models))("%s", async (name, golden) => {
    const { loss, gradients } = await computed(name, golden, 2);
    expect(Math.abs(loss / golden.value - 1)).toBeLessThan(1e-5);
    expect(gradients.map((each) => each.name).toSorted()).toEqual(
      Object.keys(golden.gradients).toSorted(),
    );
    const all = Object.values(golden.gradients).map(({ largest }) => largest);
    const floor = FLOOR * Math.max(...all);
    const errors = gradients.map(({ name: parameter, shape, values }) => {
      const expected = golden.gradients[parameter] as GradientGolden;
      expect(shape).toEqual(expected.shape);
      return { parameter, error: errorOf(values, expected, Math.max(expected.largest, floor)) };
    });
    expect(errors.filter(({ error }) => !(error < TOLERANCE))).toEqual([]);
  });
});

test.each(["mobilenetv2", "densenet", "unet", "gru", "transformer"])(
  "%s: one thread and two give the same numbers",
  async (name) => {
    const golden = models[name] as NetworkGolden;
    const [one, two] = [await computed(name, golden, 1), await computed(name, golden, 2)];
    expect(two.loss).toBe(one.loss);
    const same = one.gradients.filter(({ values }, index) =>
      values.every((value, at) => value === two.gradients[index]?.values[at]),
    );
    expect(same).toHaveLength(two.gradients.length);
  },
);
