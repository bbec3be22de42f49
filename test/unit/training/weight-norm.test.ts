import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import { float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { applyWeightNorm } from "../../../src/passes/apply-weight-norm.ts";
import { removeWeightNorm } from "../../../src/passes/remove-weight-norm.ts";
import { freshParameters } from "../../../src/training/initialize.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import { trainedModel } from "../../../src/training/trained-model.ts";
import goldens from "../../oracles/weight-norm.json" with { type: "json" };
import { FIXTURES, SAMPLES } from "../../support/repository.ts";
import { numbers, relativeError, runStep, type Values } from "../operators/step-harness.ts";
import { pick, runTraining, SHORT } from "./run-training.ts";

const EXPORTS = [
  ["function-script", "weight_g", "weight_v"],
  ["function-dynamo", "weight_g", "weight_v"],
  [
    "parametrization-script",
    "parametrizations.weight.original0",
    "parametrizations.weight.original1",
  ],
  [
    "parametrization-dynamo",
    "parametrizations.weight.original0",
    "parametrizations.weight.original1",
  ],
] as const;

const SEED: Values = { shape: [2, 3], data: goldens.outputGradient };

/** The export for a batch of two: gradients are taken of the given initializers. */
async function gradients(graph: Graph, names: readonly string[]) {
  const values = (name: string): Values => {
    const tensor = graph.initializers.get(name) as Tensor;
    return { shape: tensor.dims, data: readFloat64(tensor) };
  };
  const [input, output] = [graph.inputs[0]?.name ?? "", graph.outputs[0]?.name ?? ""];
  const others = [...graph.initializers.values()].filter(({ name }) => !names.includes(name));
  return runStep(
    {
      opset: graph.opsets.get("") ?? 17,
      nodes: graph.nodes,
      inputs: {
        ...Object.fromEntries(names.map((name) => [name, values(name)])),
        [input]: { shape: goldens.shape, data: goldens.input },
      },
      initializers: others,
      output,
    },
    SEED,
  );
}

describe("gradients of g and v", () => {
  test.each(EXPORTS)("%s: PyTorch's in float64", async (name, g, v) => {
    const graph = await readModel(join(FIXTURES, `weight-norm-${name}.onnx`));
    const names = goldens.layers.flatMap(({ layer }) => [`${layer}.${g}`, `${layer}.${v}`]);
    const { gradients: found } = await gradients(graph, names);
    for (const golden of goldens.layers) {
      const [ofG, ofV] = [found[`${golden.layer}.${g}`], found[`${golden.layer}.${v}`]];
      expect(relativeError(ofG?.data as Float32Array, golden.magnitudeGradient)).toBeLessThan(1e-5);
      expect(relativeError(ofV?.data as Float32Array, golden.directionGradient)).toBeLessThan(1e-5);
    }
  });

  test("the formulas ∇g = ∇w·v/‖v‖ and ∇v = g/‖v‖·∇w − g·∇g/‖v‖²·v", async () => {
    const graph = await readModel(join(FIXTURES, "weight-norm-function-script.onnx"));
    const plain = removeWeightNorm.apply(graph, undefined, {}).graph;
    const weights = goldens.layers.map(({ layer }) => `${layer}.weight`);
    const names = weights.flatMap((name) => [`${name}_g`, `${name}_v`]);
    const [{ gradients: ofW }, { gradients: found }] = [
      await gradients(plain, weights),
      await gradients(graph, names),
    ];
    for (const name of weights) {
      const gradient = Float64Array.from(ofW[name]?.data as Float32Array);
      const v = readFloat64(graph.initializers.get(`${name}_v`) as Tensor);
      const g = readFloat64(graph.initializers.get(`${name}_g`) as Tensor);
      const unitOf = unitNumbers(graph, name);
      const [squares, products] = [new Float64Array(g.length), new Float64Array(g.length)];
      for (const [i, value] of v.entries()) {
        const unit = unitOf(i);
        squares[unit] = (squares[unit] as number) + value * value;
        products[unit] = (products[unit] as number) + value * (gradient[i] as number);
      }
      const ofG = products.map((product, unit) => product / Math.sqrt(squares[unit] as number));
      const ofV = v.map((value, i) => {
        const unit = unitOf(i);
        const square = squares[unit] as number;
        const scale = (g[unit] as number) / Math.sqrt(square);
        const along = ((g[unit] as number) * (ofG[unit] as number)) / square;
        return scale * (gradient[i] as number) - along * value;
      });
      expect(relativeError(found[`${name}_g`]?.data as Float32Array, ofG), name).toBeLessThan(1e-5);
      expect(relativeError(found[`${name}_v`]?.data as Float32Array, ofV), name).toBeLessThan(1e-5);
    }
  });
});

/** The unit of each element, from the shape of g alone: PyTorch gives it v's rank, or none. */
function unitNumbers(graph: Graph, name: string): (position: number) => number {
  const { dims } = graph.initializers.get(`${name}_v`) as Tensor;
  const kept = (graph.initializers.get(`${name}_g`) as Tensor).dims;
  const axis = kept.findIndex((size) => size > 1);
  const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  return (position) => (axis < 0 ? 0 : Math.floor(position / inner) % (dims[axis] as number));
}

describe("training with weight normalization", () => {
  test("g and v are found in their roles, a g of one number too", async () => {
    const graph = await readModel(join(FIXTURES, "weight-norm-parametrization-dynamo.onnx"));
    const parameters = trainableParameters(graph);
    const roles = (role: string) =>
      parameters.filter((each) => each.role === role).map(({ dims }) => dims.join("×"));
    expect(roles("magnitude").toSorted()).toEqual(["", "1×4", "1×4×1×1", "3×1×1×1", "5×1"]);
    expect(roles("direction")).toHaveLength(5);
    expect(roles("weight")).toEqual([]);
  });

  test.each(["digits-mlp", "digits-cnn"])(
    "%s: fresh weights are the function of the fresh w",
    async (name) => {
      const plain = await readModel(join(SAMPLES, `${name}.onnx`));
      const { graph } = applyWeightNorm.apply(plain, undefined, { start: "keep" });
      const fresh = (model: Graph) => freshParameters(model, trainableParameters(model), 7);
      const started = trainedModel(graph, fresh(graph));
      // Removing multiplies g·v/‖v‖ out, and gives v itself where g is ‖v‖.
      const folded = removeWeightNorm.apply(started, undefined, {}).graph;
      for (const [tensor, values] of fresh(plain)) {
        expect(readFloat64(folded.initializers.get(tensor) as Tensor), tensor).toEqual(
          Float64Array.from(values),
        );
      }
    },
  );

  test("a grouped ConvTranspose starts with g = ‖v‖ of each channel of each group", () => {
    const builder = new GraphBuilder(["x"]);
    builder.addInitializer(
      float32Tensor("w", [4, 3, 2, 2], Float32Array.from(numbers([4, 3, 2, 2], 2).data)),
    );
    const output = builder.add("ConvTranspose", ["x", "w"], { attributes: { group: { int: 2 } } });
    const info = (name: string, dims: number[]) => makeValueInfo(name, DataType.FLOAT, dims);
    const plain = builder.build("t", [info("x", [1, 4, 3, 3])], [info(output, [1, 6, 4, 4])], 17);
    const { graph } = applyWeightNorm.apply(plain, undefined, { start: "keep" });
    const fresh = freshParameters(graph, trainableParameters(graph), 1);
    const v = fresh.get("w") ?? new Float32Array();
    // Channel j of group γ: rows 2γ and 2γ + 1 of w, its four kernel elements.
    const norms = [0, 1].flatMap((group) =>
      [0, 1, 2].map((j) =>
        Math.hypot(
          ...[0, 1].flatMap((row) => [
            ...v.subarray(((2 * group + row) * 3 + j) * 4).subarray(0, 4),
          ]),
        ),
      ),
    );
    expect(fresh.get("w_g")).toEqual(Float32Array.from(norms));
  });

  test("a PyTorch export starts with g = ‖v‖", async () => {
    const graph = await readModel(join(FIXTURES, "weight-norm-function-dynamo.onnx"));
    const started = trainedModel(graph, freshParameters(graph, trainableParameters(graph), 1));
    const folded = removeWeightNorm.apply(started, undefined, {}).graph;
    for (const { layer } of goldens.layers) {
      const [w, v] = [
        folded.initializers.get(`${layer}.weight`),
        started.initializers.get(`${layer}.weight_v`),
      ];
      expect(readFloat64(w as Tensor)).toEqual(readFloat64(v as Tensor));
    }
  });

  test("a run learns, and its model folds to one without g and v that answers alike", async () => {
    const plain = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    const { graph } = applyWeightNorm.apply(plain, undefined, { start: "keep" });
    const { events, result } = await runTraining(graph, { ...SHORT, maxEpochs: 4 });
    expect(Number(pick(events, "done")[0]?.testAccuracy)).toBeGreaterThan(0.8);
    const trained = await readModel(result.bestModel);
    const g = readFloat64(trained.initializers.get("conv1.weight_g") as Tensor);
    const start = freshParameters(graph, trainableParameters(graph), 0).get("conv1.weight_g");
    expect([...g]).not.toEqual([...(start ?? [])]);
    const folded = removeWeightNorm.apply(trained, undefined, {});
    expect(folded.graph.nodes.map(({ opType }) => opType)).toEqual(
      plain.nodes.map(({ opType }) => opType),
    );
  });
});
