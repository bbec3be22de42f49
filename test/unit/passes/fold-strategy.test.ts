import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { bodiesOf } from "../../../src/graph/index.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { differenceInRuntime } from "./equivalence.ts";

const fixture = (name: string) =>
  readModel(new URL(`../../fixtures/onnx/${name}.onnx`, import.meta.url).pathname);

describe("bodies", () => {
  test("weights from outside are copied into each body and dropped where nobody reads them", async () => {
    const graph = await fixture("if-bodies");
    const { graph: folded } = foldBatchNorm.apply(graph, undefined, {});
    expect([...graph.initializers.keys()]).toContain("weight");
    expect([...folded.initializers.keys()]).toEqual([]);
    const bodies = folded.nodes.flatMap(bodiesOf);
    expect(bodies.map((body) => body.node.map((node) => node.opType))).toEqual([
      ["Conv", "Neg"],
      ["Conv", "Relu"],
    ]);
    const names = bodies.flatMap((body) => body.initializer.map((tensor) => tensor.name));
    expect(new Set(names).size).toBe(4);
  });

  test("weights that another body reads stay as they are", async () => {
    const graph = await fixture("nested-if");
    const { graph: folded } = foldBatchNorm.apply(graph, undefined, {});
    for (const name of ["weight", "bias"]) {
      expect(folded.initializers.get(name)).toBe(graph.initializers.get(name));
    }
    expect(folded.initializers.size).toBe(2);
  });
});

describe("duplicateProducer", () => {
  test.each(["two-consumers", "conv-is-graph-output"])("%s folds into a copy", async (name) => {
    const graph = await fixture(name);
    const [site] = foldBatchNorm.find(graph, {});
    expect(site).toMatchObject({ reason: expect.stringMatching(/; the option duplicateProducer/) });
    const result = foldBatchNorm.apply(graph, undefined, { duplicateProducer: true });
    expect(result.applied).toEqual([{ node: "bn", into: "conv" }]);
    expect(verify(result.graph)).toEqual([]);
    expect(result.graph.nodes.map((node) => node.name)).toContain("conv_folded");
    expect(await differenceInRuntime(graph, result.graph)).toBeLessThanOrEqual(1);
  });
});

/** x → (BatchNorm → Mul → Add) many times over, after a Conv where asked. */
function chain(length: number, conv: boolean): Graph {
  const builder = new GraphBuilder(["x"]);
  const add = (name: string, dims: readonly number[]) =>
    builder.addInitializer(float32Tensor(name, dims, new Float32Array(dims[0] ?? 1).fill(1)));
  const parameters = ["gamma", "beta", "mean", "variance"].map((name) => add(name, [2]));
  const k = add("k", [2, 1, 1]);
  const weight = add("weight", [2, 2, 1, 1]);
  let value = conv ? builder.add("Conv", ["x", weight]) : "x";
  for (let i = 0; i < length; i++) {
    value = builder.add("BatchNormalization", [value, ...parameters]);
    value = builder.add("Add", [builder.add("Mul", [value, k]), k]);
  }
  const info = (name: string) => makeValueInfo(name, DataType.FLOAT, [1, 2, 3, 3]);
  return builder.build("chain", [info("x")], [info(value)], 17);
}

test.each([true, false])("a chain of 3,000 nodes becomes one, in moments (Conv %s)", (conv) => {
  const start = performance.now();
  const { graph, skipped } = foldBatchNorm.apply(chain(1000, conv), undefined, {});
  expect(graph.nodes.map((node) => node.opType)).toEqual([conv ? "Conv" : "BatchNormalization"]);
  expect(skipped).toHaveLength(conv ? 0 : 1);
  expect(performance.now() - start).toBeLessThan(20_000);
});
