import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../../src/data/random.ts";
import { movedByRounding } from "../../../../src/engine/certificate/moved-copy.ts";
import { rescaled } from "../../../../src/engine/certificate/rescale.ts";
import { GraphBuilder, makeValueInfo } from "../../../../src/graph/builder.ts";
import { DataType } from "../../../../src/graph/data-type.ts";
import { changeGraph, takenNames } from "../../../../src/graph/edit.ts";
import type { Graph, Node } from "../../../../src/graph/graph.ts";
import { readFloat64 } from "../../../../src/graph/numbers.ts";
import { float32Tensor, int64Tensor } from "../../../../src/graph/tensor.ts";
import { verify } from "../../../../src/graph/verify.ts";
import { differenceInRuntime } from "../../passes/equivalence.ts";
import { LAYERS } from "./layer-models.ts";

const rescaledNode = (graph: Graph, node: Node) =>
  rescaled(graph, node, new GraphBuilder(takenNames(graph)), seededRandom(1, "rescale"));

describe.each(Object.entries(LAYERS))("%s", (_name, layer) => {
  const { graph } = layer(7);

  test("rescaling keeps the function, the weight and the graph's rules", async () => {
    const node = graph.nodes.find((each) => each.name === "layer") as Node;
    const changes = rescaledNode(graph, node);
    const changed = changeGraph(graph, {
      replace: new Map([[node, changes?.nodes ?? []]]),
      initializers: changes?.initializers ?? [],
    });
    expect(changes?.nodes.map((each) => each.opType)).toEqual(["Mul", node.opType, "Div"]);
    expect(changed.initializers.get("weight")).toBe(graph.initializers.get("weight"));
    expect(verify(changed)).toEqual([]);
    expect(await differenceInRuntime(graph, changed)).toBeLessThanOrEqual(1);
  });

  test("a moved copy differs by rounding and by no more", async () => {
    const moved = movedByRounding(graph, 3);
    expect(verify(moved)).toEqual([]);
    const difference = await differenceInRuntime(graph, moved);
    expect(difference).toBeGreaterThan(0);
    expect(difference).toBeLessThanOrEqual(1);
  });
});

/** x · W of a type, with W given by the caller or stored. */
function product(dataType: DataType, stored: boolean): Graph {
  const builder = new GraphBuilder(["x", "w"]);
  const weight =
    dataType === DataType.FLOAT
      ? float32Tensor("w", [2, 2], [1, 2, 3, 4])
      : int64Tensor("w", [2, 2], [1, 2, 3, 4]);
  if (stored) builder.addInitializer(weight);
  const output = builder.add("MatMul", ["x", "w"], { stem: "y" });
  const info = (name: string) => makeValueInfo(name, dataType, [2, 2]);
  const inputs = stored ? [info("x")] : [info("x"), info("w")];
  return builder.build("product", inputs, [info(output)], 17);
}

test("a weight that is computed is rescaled as well, whole numbers are not", () => {
  const [ofInputs] = [product(DataType.FLOAT, false)];
  expect(rescaledNode(ofInputs, ofInputs.nodes[0] as Node)?.nodes).toHaveLength(3);
  const whole = product(DataType.INT64, true);
  expect(rescaledNode(whole, whole.nodes[0] as Node)).toBeUndefined();
});

test("other operators stay", () => {
  const { graph } = (LAYERS["Gemm, then BatchNorm"] as (seed: number) => { graph: Graph })(1);
  const batchNorm = graph.nodes.find((node) => node.name === "bn") as Node;
  expect(rescaledNode(graph, batchNorm)).toBeUndefined();
});

test("a moved copy steps every other stored number by one unit, zeros not", () => {
  const builder = new GraphBuilder(["x"]);
  builder.addInitializer(float32Tensor("c", [3], [1, 0, -2]));
  const output = builder.add("Add", ["x", "c"], { stem: "y" });
  const info = (name: string) => makeValueInfo(name, DataType.FLOAT, [3]);
  const graph = builder.build("sum", [info("x")], [info(output)], 17);
  const tensor = movedByRounding(graph, 1).initializers.get("c");
  const [one, zero, two] = tensor === undefined ? [] : readFloat64(tensor);
  expect([1 + 2 ** -23, 1 - 2 ** -24]).toContain(one);
  expect(zero).toBe(0);
  expect([-2 - 2 ** -22, -2 + 2 ** -23]).toContain(two);
});
