import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { AttributeValue } from "../../../src/graph/attributes.ts";
import type { Node } from "../../../src/graph/graph.ts";
import { withRole, withRoleNumber } from "../../../src/graph/node-role.ts";
import { float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import {
  type ModelDescription,
  node,
  numbers,
  relativeError,
  runStep,
  type Values,
} from "./step-harness.ts";

interface Case {
  readonly name: string;
  readonly opType: string;
  readonly iterations: number;
  readonly momentum: number;
  readonly x: Values;
  readonly weight: Values;
  readonly bias: Values;
  readonly outputGradient: Values;
  readonly output: Values;
  readonly gradient: Values;
  /** Largest magnitude of the gradient's terms, which may cancel. */
  readonly gradientScale: number;
  readonly nextWeight: Values;
  readonly nextBias: Values;
}

const file = new URL("../../oracles/whitening.json.gz", import.meta.url);
const cases = JSON.parse(gunzipSync(readFileSync(file)).toString()) as readonly Case[];
const TOLERANCE = 1e-5;

/** A step of 1e-2 in float32: the third derivative and the rounding leave about 1e-3. */
const [STEP, DIFFERENCE_TOLERANCE] = [1e-2, 5e-3];

const stored = (name: string, { shape, data }: Values): Tensor =>
  float32Tensor(name, shape, Array.from(data));

function whitening(
  opType: string,
  iterations: number,
  attributes: Readonly<Record<string, AttributeValue>> = {},
): Node {
  const plain = node(opType, ["x", "weight", "bias"], ["y"], attributes);
  return withRoleNumber(withRole(plain, "whitening"), "iterations", iterations);
}

function modelOf({ opType, iterations, x, weight, bias }: Case): ModelDescription {
  return {
    nodes: [whitening(opType, iterations)],
    inputs: { x },
    initializers: [stored("weight", weight), stored("bias", bias)],
    output: "y",
  };
}

describe("whitening agrees with PyTorch in float64", () => {
  test.each(cases)("$name", async (each) => {
    const { values, gradients, states } = await runStep(modelOf(each), each.outputGradient, {
      batchNormMomentum: each.momentum,
    });
    const found = [values.y, gradients.x, states.weight, states.bias];
    const expected = [each.output, each.gradient, each.nextWeight, each.nextBias];
    for (const [index, { shape, data }] of expected.entries()) {
      expect(found[index]?.dims).toEqual(shape);
      const largest = Math.max(...Array.from(data, Math.abs));
      const scale = index === 1 ? Math.max(largest, each.gradientScale) : largest;
      const error = relativeError(found[index]?.data ?? [], data) * (largest / scale);
      expect(error, ["output", "gradient", "weight", "bias"][index]).toBeLessThan(TOLERANCE);
    }
  });
});

test("many iterations whiten the batch: covariance 1 and mean 0", async () => {
  const each = cases.find(({ name }) => name === "seven iterations") as Case;
  const { values } = await runStep(modelOf(each), each.outputGradient);
  const [rows = 0, features = 0] = each.x.shape;
  const y = Array.from(values.y?.data ?? [], Number);
  for (let i = 0; i < features; i++) {
    for (let j = 0; j < features; j++) {
      let sum = 0;
      for (let row = 0; row < rows; row++) {
        sum += (y[row * features + i] as number) * (y[row * features + j] as number);
      }
      expect(sum / rows).toBeCloseTo(i === j ? 1 : 0, 3);
    }
  }
});

test.each([
  ["Gemm", [12, 3]],
  ["Conv", [3, 3, 4, 2]],
] as const)("%s: the gradient is that of central differences", async (opType, shape) => {
  const x = numbers(shape, 5);
  const direction = numbers(shape, 41).data;
  const seed = numbers(shape, 77);
  const square = [3, 3, ...shape.slice(2).map(() => 1)];
  const at = (step: number) => {
    const data = Array.from(x.data, (value, i) => value + step * (direction[i] ?? 0));
    return runStep(
      {
        nodes: [whitening(opType, 5)],
        inputs: { x: { shape, data } },
        initializers: [stored("weight", numbers(square)), stored("bias", numbers([3]))],
        output: "y",
      },
      seed,
    );
  };
  const [here, after, before] = [await at(0), await at(STEP), await at(-STEP)];
  const weighted = (values: ArrayLike<number | bigint>, weights: ArrayLike<number>) =>
    Array.from(weights).reduce((sum, weight, i) => sum + Number(values[i]) * weight, 0);
  const difference =
    (weighted(after.values.y?.data ?? [], seed.data) -
      weighted(before.values.y?.data ?? [], seed.data)) /
    (2 * STEP);
  const derivative = weighted(here.gradients.x?.data ?? [], direction);
  expect(Math.abs(derivative - difference)).toBeLessThan(
    DIFFERENCE_TOLERANCE * Math.max(Math.abs(difference), 0.1),
  );
});

test("at inference it is its plain operator, and so is its gradient", async () => {
  const each = cases[0] as Case;
  const plain = { ...modelOf(each), nodes: [node("Gemm", ["x", "weight", "bias"], ["y"])] };
  const expected = await runStep(plain, each.outputGradient);
  const found = await runStep(modelOf(each), each.outputGradient, { mode: "inference" });
  expect(found.states).toEqual({});
  expect(found.values.y?.data).toEqual(expected.values.y?.data);
  expect(found.gradients.x?.data).toEqual(expected.gradients.x?.data);
});

describe("what is no whitening is refused by name", () => {
  const each = cases[0] as Case;
  const refused = (description: Partial<ModelDescription>) =>
    runStep({ ...modelOf(each), ...description }, each.outputGradient);

  test.each([
    ["a scaled Gemm", { nodes: [whitening("Gemm", 5, { alpha: { float: 2 } })] }],
    [
      "a weight that is not square",
      {
        initializers: [stored("weight", numbers([5, 4])), stored("bias", numbers([4]))],
      },
    ],
    [
      "no bias",
      {
        nodes: [withRole(node("Gemm", ["x", "weight"], ["y"]), "whitening")],
        initializers: [stored("weight", each.weight)],
      },
    ],
  ])("%s", async (_, description) => {
    await expect(refused(description)).rejects.toThrow(/node gemm: a whitening of 5 features is/);
  });

  test.each([0, 2.5, 11, Number.NaN])("%s iterations", async (iterations) => {
    await expect(refused({ nodes: [whitening("Gemm", iterations)] })).rejects.toThrow(
      `node gemm: its note of iterations is ${iterations}; a whole number from 1 to 10 is needed`,
    );
  });
});
