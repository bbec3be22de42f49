import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import { float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { outputUnits } from "../../../src/operators/output-units.ts";
import { unitNorms } from "../../../src/operators/unit-sums.ts";
import { applyWeightNorm } from "../../../src/passes/apply-weight-norm.ts";
import { removeWeightNorm } from "../../../src/passes/remove-weight-norm.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { TrainingConfig } from "../../../src/protocol/training.ts";
import { addProjection, normLimits } from "../../../src/training/max-norm.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import goldens from "../../oracles/weight-regularization.json" with { type: "json" };
import { numbers, run } from "../operators/step-harness.ts";
import { pick, runTraining, SHORT } from "./run-training.ts";
import { expectClose, toOptimizer, trainSteps } from "./torch-steps.ts";

const KEEP = { start: "keep" };

describe("twelve steps with weight regularization are PyTorch's", () => {
  test.each(goldens.runs)(
    "$model $optimizer.name l1 $l1 l2 $l2 limit $limit weight norm $weightNorm",
    async (golden) => {
      const stored = await readModel(golden.model);
      const graph = golden.weightNorm
        ? applyWeightNorm.apply(stored, undefined, KEEP).graph
        : stored;
      const config: TrainingConfig = {
        ...DEFAULT_TRAINING_CONFIG,
        optimizer: toOptimizer(golden.optimizer),
        l1: golden.l1,
        l2: golden.l2,
        maxNorm: { limit: golden.limit },
        threads: 2,
      };
      const parameters = trainableParameters(graph);
      const weights = parameters.filter(({ role }) => role === "weight" || role === "direction");
      const { losses, state } = await trainSteps(graph, config, {
        penalized: new Set(weights.map(({ node, input }) => node.input[input] ?? "")),
        limits: normLimits(graph, parameters),
      });
      expect(parameters.map(({ name }) => name).toSorted()).toEqual(
        Object.keys(golden.parameters).toSorted(),
      );
      for (const [index, loss] of golden.losses.entries()) {
        expect(Math.abs((losses[index] as number) / loss - 1)).toBeLessThan(2e-5);
      }
      for (const [name, expected] of Object.entries(golden.parameters)) {
        expectClose(state.get(name) as Float32Array, expected);
      }
      if (golden.limit > 0) expect(golden.limited).toBeGreaterThan(20);
    },
  );
});

describe("max-norm", () => {
  test.each([
    ["grouped ConvTranspose", "ConvTranspose", [4, 3, 2, 2], { group: { int: 2 } }],
    ["Conv", "Conv", [6, 2, 3, 3], { group: { int: 2 } }],
    ["Gemm", "Gemm", [5, 3], {}],
    ["MatMul", "MatMul", [5, 3], {}],
  ] as const)(
    "%s: no unit is longer, and the shorter ones are untouched",
    async (_, opType, dims, attributes) => {
      const builder = new GraphBuilder(["x", "w"]);
      const output = builder.add(opType, ["x", "w"], { attributes });
      const node = builder.nodes[0];
      if (node === undefined) throw new Error("a node");
      const units = outputUnits(node, 1, dims);
      if (units === undefined) throw new Error("units");
      const weights = numbers(dims, 4);
      const limit = 1.2;
      const step = new GraphBuilder(["w"]);
      const limited = addProjection(step, { kind: "weight", units }, limit, "w", dims);
      const graph = step.build(
        "p",
        [makeValueInfo("w", DataType.FLOAT, dims)],
        [makeValueInfo(limited, DataType.FLOAT, dims)],
        20,
      );
      const before = Float64Array.from(Float32Array.from(weights.data));
      const results = await run(graph, {
        w: { type: "float32", dims, data: Float32Array.from(before) },
      });
      const after = Float64Array.from(results[limited]?.data as Float32Array);
      const [norms, lengths] = [unitNorms(before, units), unitNorms(after, units)];
      expect(output).not.toBe("");
      expect(norms.some((norm) => norm > limit)).toBe(true);
      for (const [unit, norm] of norms.entries()) {
        expect(lengths[unit]).toBeCloseTo(Math.min(norm, limit), 5);
      }
    },
  );

  test("a training run ends with no unit longer than the limit, weight-normalized or not", async () => {
    const plain = await readModel("media/samples/digits-cnn.onnx");
    const normalized = applyWeightNorm.apply(plain, undefined, KEEP).graph;
    const limit = 0.5;
    for (const graph of [plain, normalized]) {
      const { result } = await runTraining(graph, { ...SHORT, maxNorm: { limit }, seed: 3 });
      const trained = removeWeightNorm.apply(
        await readModel(result.bestModel),
        undefined,
        {},
      ).graph;
      let longest = 0;
      for (const node of trained.nodes) {
        const tensor = trained.initializers.get(node.input[1] ?? "");
        const units = tensor && outputUnits(node, 1, tensor.dims);
        if (units === undefined) continue;
        longest = Math.max(longest, ...unitNorms(readFloat64(tensor as Tensor), units));
      }
      expect(longest).toBeLessThanOrEqual(limit * (1 + 1e-5));
      expect(longest).toBeGreaterThan(limit * (1 - 1e-5));
    }
  });

  test("biases and BatchNorm are left alone; a transposed weight keeps its units", async () => {
    const graph = await readModel("media/samples/digits-cnn.onnx");
    const limits = normLimits(graph, trainableParameters(graph));
    expect([...limits.keys()]).toEqual([
      "conv1.weight",
      "conv2.weight",
      "conv3.weight",
      "fc.weight",
    ]);

    const builder = new GraphBuilder(["x"]);
    builder.addInitializer(float32Tensor("w", [3, 5], Float32Array.from(numbers([3, 5], 1).data)));
    const transposed = builder.add("Transpose", ["w"]);
    const output = builder.add("MatMul", ["x", transposed]);
    const info = (name: string, size: number) => makeValueInfo(name, DataType.FLOAT, [2, size]);
    const linear = builder.build("t", [info("x", 5)], [info(output, 3)], 17);
    expect(normLimits(linear, trainableParameters(linear)).get("w")).toEqual({
      kind: "weight",
      units: { view: [3, 5], reduced: [1] },
    });
  });

  test("a weight whose units are not known is refused by name", () => {
    const builder = new GraphBuilder(["x"]);
    builder.addInitializer(float32Tensor("w", [3, 5], Float32Array.from(numbers([3, 5], 1).data)));
    const weight = builder.add("Tanh", ["w"]);
    const output = builder.add("MatMul", ["x", weight], { name: "fc" });
    const info = (name: string, size: number) => makeValueInfo(name, DataType.FLOAT, [2, size]);
    const graph = builder.build("t", [info("x", 3)], [info(output, 5)], 17);
    expect(() => normLimits(graph, trainableParameters(graph))).toThrow(
      "maxNorm: the weight w of MatMul fc is read through Tanh, so that its output units are not known",
    );
  });
});

test("l1 drives weights towards zero", async () => {
  const graph = await readModel("media/samples/digits-mlp.onnx");
  const sums: number[] = [];
  for (const l1 of [0, 1e-3]) {
    const { result, events } = await runTraining(graph, { ...SHORT, l1 });
    expect(pick(events, "start")[0]?.config.l1).toBe(l1);
    const trained = await readModel(result.bestModel);
    const weights = readFloat64(trained.initializers.get("fc1.weight") as Tensor);
    sums.push(weights.reduce((sum, value) => sum + Math.abs(value), 0));
  }
  expect(sums[1]).toBeLessThan((sums[0] as number) / 4);
});
