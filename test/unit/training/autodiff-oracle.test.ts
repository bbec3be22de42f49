import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { AttributeValue } from "../../../src/graph/attributes.ts";
import { float32Tensor, int64Tensor } from "../../../src/graph/tensor.ts";
import { operatorRule } from "../../../src/operators/table.ts";
import {
  type ModelDescription,
  node,
  relativeError,
  runStep,
  type Values,
} from "../operators/step-harness.ts";

type AttributeJson = number | string | readonly number[] | readonly string[];

interface OracleCase {
  readonly name: string;
  readonly opType: string;
  readonly opset: number;
  readonly attributes: Readonly<Record<string, AttributeJson>>;
  readonly inputs: readonly (Values & { readonly name: string; readonly type: string })[];
  readonly outputs: readonly (Values & { readonly name: string })[];
  readonly follow?: string;
  readonly outputGradient: Values;
  readonly gradients: Readonly<Record<string, Values>>;
}

const file = new URL("../../oracles/gradients.json.gz", import.meta.url);
const cases = JSON.parse(gunzipSync(readFileSync(file)).toString()) as readonly OracleCase[];
const FLOAT_ATTRIBUTES = new Set([
  "alpha",
  "beta",
  "epsilon",
  "momentum",
  "lambd",
  "bias",
  "cubic_coeff_a",
  "extrapolation_value",
]);

const FLOAT_LISTS = new Set(["activation_alpha", "activation_beta"]);

const TOLERANCE = 1e-5;

function attribute(name: string, value: AttributeJson): AttributeValue {
  if (typeof value === "string") return { string: value };
  if (typeof value !== "number") {
    const strings = value.filter((each) => typeof each === "string");
    if (strings.length > 0) return { strings };
    return FLOAT_LISTS.has(name) ? { floats: value.map(Number) } : { ints: value.map(Number) };
  }
  return FLOAT_ATTRIBUTES.has(name) ? { float: value } : { int: value };
}

function describeModel(oracle: OracleCase): ModelDescription {
  const followed = oracle.inputs.filter((input) => input.name in oracle.gradients);
  const stored = oracle.inputs.filter(
    (input) => input.name !== "" && !(input.name in oracle.gradients),
  );
  const attributes = Object.fromEntries(
    Object.entries(oracle.attributes).map(([name, value]) => [name, attribute(name, value)]),
  );
  return {
    opset: oracle.opset,
    nodes: [
      node(
        oracle.opType,
        oracle.inputs.map((input) => input.name),
        oracle.outputs.map((output) => output.name),
        attributes,
      ),
    ],
    inputs: Object.fromEntries(followed.map((input) => [input.name, input])),
    initializers: stored.map(({ name, type, shape, data }) =>
      type === "int64"
        ? int64Tensor(name, shape, Array.from(data))
        : float32Tensor(name, shape, Array.from(data)),
    ),
    output: oracle.follow ?? oracle.outputs[0]?.name ?? "",
  };
}

/** Each operator runs a few of its cases with two threads too: they cost as much again. */
function isEarlyCase(oracle: OracleCase): boolean {
  return cases.filter(({ opType }) => opType === oracle.opType).indexOf(oracle) < 3;
}

describe("gradients agree with PyTorch in float64", () => {
  const differentiable = cases.filter(
    ({ opType }) => operatorRule("", opType)?.gradient !== undefined,
  );

  test.each(differentiable)("$name", async (oracle) => {
    const options = {
      mode: oracle.attributes.training_mode === 0 ? "inference" : "training",
      batchNormMomentum: 1 - Number(oracle.attributes.momentum ?? 0.9),
      runningVariance: "population",
    } as const;
    const model = describeModel(oracle);
    const result = await runStep(model, oracle.outputGradient, options);
    if (isEarlyCase(oracle)) {
      const again = await runStep(model, oracle.outputGradient, options, 2);
      expect(again, "with two threads").toEqual(result);
    }
    for (const output of oracle.outputs) {
      const actual = result.values[output.name];
      expect(actual?.dims).toEqual(output.shape);
      expect(relativeError(actual?.data ?? [], output.data), output.name).toBeLessThan(TOLERANCE);
    }
    for (const [name, expected] of Object.entries(oracle.gradients)) {
      const actual = result.gradients[name];
      expect(actual?.dims, name).toEqual(expected.shape);
      expect(relativeError(actual?.data ?? [], expected.data), name).toBeLessThan(TOLERANCE);
    }
  });
});

test("only losses and reported operators lack a gradient rule", () => {
  const missing = cases
    .map(({ opType }) => opType)
    .filter((opType) => operatorRule("", opType)?.gradient === undefined);
  expect([...new Set(missing)]).toEqual(["SoftmaxCrossEntropyLoss", "MeanSquaredError"]);
});
