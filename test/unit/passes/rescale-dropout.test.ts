import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { saveModel } from "../../../src/formats/onnx/write.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph, Node } from "../../../src/graph/graph.ts";
import { readFloat64, roundedTensor } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { rescaleDropout } from "../../../src/passes/rescale-dropout.ts";
import { temporaryFolder } from "../../support/repository.ts";
import { modelOf, named, scalar, twoLayers, weights } from "./dropout-models.ts";
import { differenceInRuntime } from "./equivalence.ts";

const relu = named("Relu", "relu", ["h"], ["r"]);
const drop = named("Dropout", "drop", ["r", "ratio"], ["a"]);

function withRatio(graph: Graph, ratio: number): Graph {
  return {
    ...graph,
    initializers: new Map([...graph.initializers, ["ratio", scalar("ratio", ratio)]]),
  };
}

const apply = (graph: Graph, given: Record<string, string | number> = {}) =>
  rescaleDropout.apply(graph, undefined, checkedOptions(rescaleDropout, given));
const numbersOf = (graph: Graph, name: string) =>
  readFloat64(graph.initializers.get(name) as Tensor);

/** The same model with the Dropouts as multiplications by the keep probability. */
function multiplied(graph: Graph, keep: number): Graph {
  const nodes = graph.nodes.map((node) =>
    node.opType === "Dropout"
      ? named("Mul", node.name, [node.input[0] ?? "", "keep"], [node.output[0] ?? ""])
      : node,
  );
  return {
    ...graph,
    nodes,
    initializers: new Map([...graph.initializers, ["keep", scalar("keep", keep)]]),
  };
}

describe("rescale-dropout", () => {
  test("weights behind a Dropout are multiplied by 1 − ratio, biases stay", async () => {
    const graph = withRatio(twoLayers([relu, drop], "a"), 0.25);
    const { graph: changed, applied, statement, tables } = apply(graph);
    expect(applied).toEqual([{ node: "drop", into: "fc2" }]);
    expect(statement).toContain("multiplied by its keep probability");
    expect(tables?.[0]?.rows).toEqual([["drop", "fc2", 0.75, 0.75]]);
    const expected = numbersOf(graph, "w2").map((weight) => Math.fround(0.75 * weight));
    expect(numbersOf(changed, "w2")).toEqual(expected);
    for (const name of ["w1", "b1", "b2"]) {
      expect(numbersOf(changed, name)).toEqual(numbersOf(graph, name));
    }
    expect(verify(changed)).toEqual([]);
    expect(await differenceInRuntime(multiplied(graph, 0.75), changed)).toBeLessThanOrEqual(1);
    expect(await differenceInRuntime(graph, changed)).toBeGreaterThan(1);
  });

  test.each([0.9, 0.7, 1 / 3])("there and back with keep %d is the same weights", (keep) => {
    const graph = withRatio(twoLayers([relu, drop], "a"), 0.5);
    const there = apply(graph, { keep, direction: "to-inference" }).graph;
    const back = apply(there, { keep, direction: "to-training" }).graph;
    expect(numbersOf(there, "w2")).not.toEqual(numbersOf(graph, "w2"));
    expect(numbersOf(back, "w2")).toEqual(numbersOf(graph, "w2"));
    const other = apply(apply(graph, { keep, direction: "to-training" }).graph, { keep }).graph;
    expect(numbersOf(other, "w2")).toEqual(numbersOf(graph, "w2"));
  });

  test("through a file in between, one rounding is left", async () => {
    const graph = withRatio(twoLayers([relu, drop], "a"), 0.3);
    const path = join(await temporaryFolder(), "there.onnx");
    await saveModel(apply(graph).graph, path);
    const back = apply(await readModel(path), { direction: "to-training" }).graph;
    const found = numbersOf(back, "w2");
    for (const [position, weight] of numbersOf(graph, "w2").entries()) {
      expect(Math.abs((found[position] as number) - weight)).toBeLessThanOrEqual(
        2 ** -23 * Math.abs(weight),
      );
    }
  });

  test("two Dropouts in a row multiply, rounded once", () => {
    const second = named("Dropout", "drop2", ["t", "ratio"], ["b"]);
    const between = named("Relu", "relu2", ["a"], ["t"]);
    const graph = withRatio(twoLayers([relu, drop, between, second], "b"), 0.3);
    const keep = 1 - Math.fround(0.3);
    const expected = numbersOf(graph, "w2").map((weight) => Math.fround(keep * keep * weight));
    const { graph: changed, applied } = apply(graph);
    expect(applied.map(({ node }) => node)).toEqual(["drop", "drop2"]);
    expect(numbersOf(changed, "w2")).toEqual(expected);
  });

  test("pooling and flattening are passed, every layer behind is multiplied", async () => {
    const graph = modelOf(
      [
        named("Dropout", "drop", ["x"], ["d"]),
        named("Conv", "conv", ["d", "w1"], ["c"]),
        named("MaxPool", "pool", ["d"], ["p"], { attributes: { kernel_shape: { ints: [2, 2] } } }),
        named("Flatten", "flatten", ["p"], ["f"]),
        named("MatMul", "fc", ["f", "w2"], ["z"]),
        named("Flatten", "flatten2", ["c"], ["e"]),
        named("Concat", "concat", ["z", "e"], ["y"], { attributes: { axis: { int: 1 } } }),
      ],
      {
        inputs: { x: [2, 3, 3, 3] },
        outputs: { y: [2, "m"] },
        tensors: [weights("w1", [4, 3, 2, 2]), weights("w2", [12, 5], 2)],
      },
    );
    const { graph: changed, applied, tables } = apply(graph);
    expect(applied).toEqual([{ node: "drop", into: "conv" }]);
    expect(tables?.[0]?.rows.map((row) => row[1])).toEqual(["conv", "fc"]);
    expect(await differenceInRuntime(multiplied(graph, 0.5), changed)).toBeLessThanOrEqual(1);
  });

  test("a mean over positions is passed as a pool is", async () => {
    const graph = modelOf(
      [
        named("Dropout", "drop", ["x"], ["d"]),
        named("ReduceMean", "mean", ["d"], ["m"], {
          attributes: { axes: { ints: [2, 3] }, keepdims: { int: 0 } },
        }),
        named("MatMul", "fc", ["m", "w"], ["y"]),
      ],
      {
        inputs: { x: [2, 3, 4, 4] },
        outputs: { y: [2, 5] },
        tensors: [weights("w", [3, 5])],
      },
    );
    const { graph: changed, applied } = apply(graph);
    expect(applied).toEqual([{ node: "drop", into: "fc" }]);
    expect(await differenceInRuntime(multiplied(graph, 0.5), changed)).toBeLessThanOrEqual(1);
  });

  const reasons: readonly (readonly [string, readonly Node[], string, string])[] = [
    [
      "an addition",
      [relu, drop, named("Add", "add", ["a", "r"], ["s"])],
      "s",
      "The result of Dropout drop goes to Add add, which has no weights to multiply.",
    ],
    [
      "a shared weight",
      [relu, drop, named("MatMul", "other", ["r", "w2"], ["unused"])],
      "a",
      "The weight w2 of Gemm fc2 is shared: MatMul other reads it too.",
    ],
    [
      "a subgraph's end",
      [relu, named("Dropout", "drop", ["r", "ratio"], ["unread"])],
      "r",
      "No linear layer follows Dropout drop.",
    ],
    [
      "a computed ratio",
      [
        relu,
        named("ReduceMax", "max", ["x"], ["m"], { attributes: { keepdims: { int: 0 } } }),
        named("Dropout", "drop", ["r", "m"], ["a"]),
      ],
      "a",
      "The ratio of Dropout drop (m) is known only at run time.",
    ],
  ];

  test.each(reasons)("%s is the reason to leave it", (_name, middle, last, reason) => {
    const graph = withRatio(twoLayers(middle, last), 0.5);
    const { skipped, applied, graph: same } = apply(graph);
    expect(applied).toEqual([]);
    expect(skipped).toEqual([{ node: "drop", reason }]);
    expect(same.nodes).toEqual(graph.nodes);
  });

  test("so are a ratio of 0, a ratio of 1 and the model's output", () => {
    const reason = (graph: Graph) => apply(graph).skipped[0]?.reason;
    const graph = (ratio: number) => withRatio(twoLayers([relu, drop], "a"), ratio);
    expect(reason(graph(0))).toBe("Dropout drop keeps everything, so its factor is 1.");
    expect(reason(graph(1))).toBe("The ratio of Dropout drop is 1; from 0 to below 1 is needed.");
    const end = modelOf([named("Dropout", "drop", ["x"], ["y"])], { outputs: { y: ["N", 4] } });
    expect(reason(end)).toBe("The result of Dropout drop reaches y, an output of the model.");
  });

  test("float16 weights keep their type, and what they cannot hold is said", () => {
    const base = withRatio(twoLayers([relu, drop], "a"), 0.5);
    const half = roundedTensor("w2", [5, 3], DataType.FLOAT16, new Float64Array(15).fill(40000));
    const bias = roundedTensor("b2", [3], DataType.FLOAT16, new Float64Array(3));
    const tensors = [...base.initializers, ["w2", half] as const, ["b2", bias] as const];
    const graph = { ...base, initializers: new Map(tensors) };
    const { graph: changed } = apply(graph);
    expect(changed.initializers.get("w2")?.dataType).toBe(DataType.FLOAT16);
    expect(numbersOf(changed, "w2")[0]).toBe(20000);
    expect(apply(graph, { direction: "to-training" }).skipped[0]?.reason).toContain(
      "float16 cannot hold",
    );
  });
});
