import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { certify } from "../../../src/engine/certificate/certificate.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { readFloat64, roundedTensor } from "../../../src/graph/numbers.ts";
import { float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { applyWeightNorm } from "../../../src/passes/apply-weight-norm.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { removeWeightNorm } from "../../../src/passes/remove-weight-norm.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { FIXTURES, SAMPLES } from "../../support/repository.ts";
import { numbers } from "../operators/step-harness.ts";
import { differenceInRuntime } from "./equivalence.ts";
import { KEEP, LAYERS, type LayerOptions, layerModel } from "./weight-norm-layers.ts";

describe("apply-weight-norm, start keep", () => {
  test.each(LAYERS)("$name keeps its function and comes back to the bit", async (layer) => {
    const graph = layerModel(layer);
    const { graph: normalized, applied } = applyWeightNorm.apply(graph, undefined, KEEP);
    expect(applied).toEqual([{ node: "layer", into: "layer" }]);
    expect(verify(normalized)).toEqual([]);
    const g = normalized.initializers.get("w_g") as Tensor;
    expect(g.dims).toEqual(layer.g);
    expect(g.dataType).toBe(layer.dataType ?? DataType.FLOAT);
    expect(normalized.initializers.get("w")).toBe(graph.initializers.get("w"));
    expect(await differenceInRuntime(graph, normalized)).toBeLessThanOrEqual(1);

    const removed = removeWeightNorm.apply(normalized, undefined, {});
    expect(removed.applied).toHaveLength(1);
    expect(encodeModel(removed.graph)).toEqual(encodeModel(graph));
  });

  test.each(LAYERS)("$name: the units are the ones the layer has", async (layer) => {
    // Scaling one unit's g scales exactly one channel of the result, by as much.
    const graph = layerModel(layer);
    const { graph: normalized } = applyWeightNorm.apply(graph, undefined, KEEP);
    const g = normalized.initializers.get("w_g") as Tensor;
    const norms = readFloat64(g).slice();
    norms[norms.length - 1] = 3 * (norms.at(-1) as number);
    const changed = roundedTensor("w_g", g.dims, g.dataType, norms);
    const scaled = {
      ...normalized,
      initializers: new Map(normalized.initializers).set("w_g", changed),
    };
    const folded = removeWeightNorm.apply(scaled, undefined, {}).graph;
    expect(await differenceInRuntime(scaled, folded)).toBeLessThanOrEqual(1);
    const before = readFloat64(graph.initializers.get("w") as Tensor);
    const after = readFloat64(folded.initializers.get("w") as Tensor);
    const moved = [...before].map((value, i) => Math.abs((after[i] as number) / value - 3) < 4e-3);
    expect(moved.filter(Boolean)).toHaveLength(before.length / norms.length);
    expect([...before].every((value, i) => moved[i] || after[i] === value)).toBe(true);
  });

  test.each(["digits-cnn", "digits-mlp", "narrow-resnet", "narrow-mobilenetv2"])(
    "%s: certificate there and back, and the file's bytes again",
    async (name) => {
      const graph = await readModel(join(SAMPLES, `${name}.onnx`));
      const applied = applyWeightNorm.apply(graph, undefined, KEEP);
      expect(verify(applied.graph)).toEqual([]);
      const certificate = await certify({
        before: graph,
        after: applied.graph,
        siteOutputs: applied.siteOutputs,
        runtime: await loadRuntime(),
      });
      expect(certificate.pass, certificate.sentence).toBe(true);
      const removed = removeWeightNorm.apply(applied.graph, undefined, {});
      expect(encodeModel(removed.graph)).toEqual(encodeModel(graph));
    },
  );

  test.each(["carried-along", "float-data", "opset9-ir3", "external/external-data"])(
    "%s: the weight stays as the file stores it",
    async (name) => {
      const graph = await readModel(join(FIXTURES, `${name}.onnx`));
      const { graph: normalized } = applyWeightNorm.apply(graph, undefined, KEEP);
      const { graph: removed } = removeWeightNorm.apply(normalized, undefined, {});
      for (const [tensor, stored] of graph.initializers) {
        expect(removed.initializers.get(tensor), tensor).toBe(stored);
      }
    },
  );

  test("BatchNorm folds after g and v were multiplied back", async () => {
    const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    const { graph: normalized } = applyWeightNorm.apply(graph, undefined, KEEP);
    const [reason] = foldBatchNorm
      .find(normalized, {})
      .flatMap((site) => (site.applicable ? [] : [site.reason]));
    expect(reason).toContain("known only at run time");
    const back = removeWeightNorm.apply(normalized, undefined, {}).graph;
    expect(foldBatchNorm.apply(back, undefined, {}).applied).toHaveLength(3);
  });

  test("layers that share a weight share g and v", async () => {
    const builder = new GraphBuilder(["x"]);
    builder.addInitializer(float32Tensor("w", [3, 3], Float32Array.from(numbers([3, 3], 5).data)));
    const first = builder.add("MatMul", ["x", "w"], { name: "first" });
    const second = builder.add("MatMul", [first, "w"], { name: "second" });
    const info = (name: string) => makeValueInfo(name, DataType.FLOAT, [2, 3]);
    const graph = builder.build("shared", [info("x")], [info(second)], 17);
    const both = applyWeightNorm.apply(graph, undefined, KEEP).graph;
    expect(both.nodes.map(({ opType }) => opType)).toEqual([
      "ReduceL2",
      "Div",
      "Mul",
      "MatMul",
      "MatMul",
    ]);
    expect(await differenceInRuntime(graph, both)).toBeLessThanOrEqual(1);
    expect(encodeModel(removeWeightNorm.apply(both, undefined, {}).graph)).toEqual(
      encodeModel(graph),
    );

    const one = applyWeightNorm.apply(graph, ["second"], KEEP).graph;
    expect(one.nodes[0]?.input).toEqual(["x", "w"]);
    expect(verify(one)).toEqual([]);
    const back = removeWeightNorm.apply(one, undefined, {}).graph;
    expect([...back.initializers.keys()]).toEqual(["w", "w_folded"]);
    expect(await differenceInRuntime(graph, back)).toBeLessThanOrEqual(1);
  });

  test("a unit without direction is refused by name, and nothing is changed", () => {
    const [layer] = LAYERS.filter(({ name }) => name === "Gemm");
    const refusal = (values: number[]) => () =>
      applyWeightNorm.apply(layerModel(layer as LayerOptions, values), undefined, KEEP);
    const zero = numbers([4, 3], 1).data;
    const row = (value: number) => Array.from(zero, (each, i) => (i % 3 === 1 ? value : each));
    expect(refusal(row(0))).toThrow(
      "Gemm layer: all weights of output unit 1 are zero, so that v/‖v‖ has no direction",
    );
    expect(refusal(row(1e-30))).toThrow("output unit 1 has a norm of 2.00e-30");
    expect(refusal(row(Number.NaN))).toThrow("output unit 1 has a weight that is not finite");
  });

  test("what cannot be written so is left with its reason", async () => {
    const reasons = async (file: string) =>
      applyWeightNorm
        .find(await readModel(join(FIXTURES, `${file}.onnx`)), KEEP)
        .map((site) => (site.applicable ? site.title : site.reason));
    expect(await reasons("runtime-weight")).toEqual([
      expect.stringContaining("known only at run time"),
    ]);
    expect(await reasons("overridable-weight")).toEqual([expect.stringContaining("overridden")]);
    expect(await reasons("opset6")).toEqual([expect.stringContaining("operator set 6")]);
    expect(await reasons("quantized-conv-bn")).toEqual([
      expect.stringContaining("DequantizeLinear"),
    ]);
    expect(await reasons("weight-norm-function-script")).toEqual(
      new Array(5).fill(expect.stringContaining("g·v/‖v‖ already")),
    );
  });
});
