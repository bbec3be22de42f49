import { describe, expect, test } from "vitest";
import { makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { withRole } from "../../../src/graph/node-role.ts";
import { verify } from "../../../src/graph/verify.ts";
import { stripDropout } from "../../../src/passes/strip-dropout.ts";
import { switchDropoutToInference } from "../../../src/passes/switch-dropout-to-inference.ts";
import { ifNode } from "../graph/small-graphs.ts";
import { modelOf, named, scalar, truth, twoLayers } from "./dropout-models.ts";
import { differenceInRuntime } from "./equivalence.ts";

const relu = named("Relu", "relu", ["h"], ["r"]);
const drop = named("Dropout", "drop", ["r"], ["a"]);
const strip = (graph: Graph) => stripDropout.apply(graph, undefined, {});
const shapes = (graph: Graph) =>
  graph.nodes.map(({ name, input, output }) => [name, [...input], [...output]]);

function withTensors(graph: Graph, ...tensors: ReturnType<typeof scalar>[]): Graph {
  const added = tensors.map((tensor) => [tensor.name, tensor] as const);
  return { ...graph, initializers: new Map([...graph.initializers, ...added]) };
}

/** Dropout with ratio and training_mode as inputs. */
function training(mode: boolean, ratio = 0.5): Graph {
  const node = named("Dropout", "drop", ["r", "ratio", "mode"], ["a"]);
  return withTensors(twoLayers([relu, node], "a"), scalar("ratio", ratio), truth("mode", mode));
}

describe("strip-dropout", () => {
  test("what computes the input takes the result's name", async () => {
    const graph = twoLayers([relu, drop], "a");
    const { graph: changed, applied, skipped, siteOutputs } = strip(graph);
    expect(applied).toEqual([{ node: "drop", into: "drop" }]);
    expect(skipped).toEqual([]);
    expect(siteOutputs).toEqual([{ site: "drop", before: "a", after: "a" }]);
    expect(changed.nodes.map(({ output }) => output[0])).toEqual(["h", "a", "y"]);
    expect(await differenceInRuntime(graph, changed)).toBe(0);
  });

  test("readers take the input where others know it", async () => {
    const other = named("Neg", "neg", ["r"], ["n"]);
    const sum = named("Add", "sum", ["a", "n"], ["s"]);
    const graph = twoLayers([relu, drop, other, sum], "s");
    const { graph: changed, siteOutputs } = strip(graph);
    expect(siteOutputs).toEqual([{ site: "drop", before: "a", after: "r" }]);
    expect(changed.nodes[3]?.input).toEqual(["r", "n"]);
    expect(verify(changed)).toEqual([]);
    expect(await differenceInRuntime(graph, changed)).toBe(0);
  });

  test("a chain, of which the input is read by others, goes as a whole", async () => {
    const second = named("Dropout", "drop2", ["a"], ["b"]);
    const third = named("Dropout", "drop3", ["b"], ["c"]);
    const sum = named("Add", "sum", ["c", "r"], ["s"]);
    const graph = twoLayers([relu, drop, second, third, sum], "s");
    const { graph: changed } = strip(graph);
    expect(changed.nodes.map(({ name }) => name)).toEqual(["fc1", "relu", "sum", "fc2"]);
    expect(changed.nodes[2]?.input).toEqual(["r", "r"]);
    expect(verify(changed)).toEqual([]);
    expect(await differenceInRuntime(graph, changed)).toBe(0);
    const alone = strip(twoLayers([relu, drop, second, third], "c")).graph;
    expect(shapes(alone)[1]).toEqual(["relu", ["h"], ["c"]]);
  });

  test("from the model's input to its output an Identity is left", async () => {
    const graph = modelOf([named("Dropout", "drop", ["x"], ["y"])], { outputs: { y: ["N", 4] } });
    const { graph: changed } = strip(graph);
    expect(changed.nodes.map(({ opType, name }) => [opType, name])).toEqual([["Identity", "drop"]]);
    expect(await differenceInRuntime(graph, changed)).toBe(0);
  });

  test("a value that a subgraph reads keeps its name", () => {
    const branch = ifNode("c", "i", [named("Neg", "neg", ["a"], ["n"])], "n");
    const graph = twoLayers([relu, drop, branch], "a");
    expect(strip(graph).graph.nodes[1]?.output).toEqual(["a"]);
  });

  test("a mask that nobody reads does not matter, one that somebody reads does", () => {
    const masked = named("Dropout", "drop", ["r"], ["a", "mask"]);
    expect(strip(twoLayers([relu, masked], "a")).applied.length).toBe(1);
    const graph = twoLayers([relu, masked], "a");
    const outputs = [...graph.outputs, makeValueInfo("mask", DataType.BOOL, ["N", 5])];
    expect(strip({ ...graph, outputs }).skipped).toEqual([
      { node: "drop", reason: "Dropout drop puts out its mask mask, and somebody reads it." },
    ]);
  });

  test("one that drops whenever the model runs is left, until it is switched", async () => {
    const graph = training(true);
    expect(strip(graph).skipped[0]?.reason).toContain("switch it to inference first");
    expect(strip(training(false)).applied.length).toBe(1);
    expect(strip(training(true, 0)).applied.length).toBe(1);
    const switched = switchDropoutToInference.apply(graph, undefined, {});
    expect(switched.applied).toEqual([{ node: "drop", into: "drop" }]);
    expect(switched.graph.nodes[2]?.input).toEqual(["r", "ratio"]);
    expect(switched.graph.initializers.has("mode")).toBe(false);
    expect(switchDropoutToInference.find(switched.graph, {})).toEqual([]);
    expect(await differenceInRuntime(training(false), switched.graph)).toBe(0);
  });

  test("one that the caller decides about is left by both", () => {
    const node = named("Dropout", "drop", ["r", "", "mode"], ["a"]);
    const base = twoLayers([relu, node], "a");
    const graph = { ...base, inputs: [...base.inputs, makeValueInfo("mode", DataType.BOOL, [])] };
    const reason =
      "Whether Dropout drop drops is decided at run time, by its training_mode (mode).";
    expect(strip(graph).skipped).toEqual([{ node: "drop", reason }]);
    expect(switchDropoutToInference.apply(graph, undefined, {}).skipped).toEqual([
      { node: "drop", reason },
    ]);
  });

  test("before operator set 7 is_test decides", () => {
    const graph = twoLayers([relu, drop], "a", 6);
    expect(strip(graph).applied).toEqual([]);
    const switched = switchDropoutToInference.apply(graph, undefined, {}).graph;
    expect(strip(switched).applied.length).toBe(1);
  });

  test("a variational one is left to its own pass", () => {
    const node = withRole(drop, "variational-dropout");
    expect(strip(twoLayers([relu, node], "a")).skipped[0]?.reason).toContain(
      "prune-variational-dropout",
    );
  });
});
