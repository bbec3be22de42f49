import { expect, test } from "vitest";
import { cutAt, withOutputs } from "../../../../src/engine/certificate/instrument.ts";
import { encodeModel } from "../../../../src/formats/onnx/write.ts";
import { GraphBuilder, makeNode, makeValueInfo } from "../../../../src/graph/builder.ts";
import { DataType } from "../../../../src/graph/data-type.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";
import type { RuntimeTensor, Tensors } from "../../../../src/runtime/runtime.ts";

const runtime = await loadRuntime();

/** y = exp(−x), with a value m = −x between. */
function negatedExponential(): Graph {
  const builder = new GraphBuilder(["x", "m", "y"]);
  builder.nodes.push(makeNode("Neg", ["x"], ["m"]), makeNode("Exp", ["m"], ["y"]));
  const info = (name: string) => makeValueInfo(name, DataType.FLOAT, ["n"]);
  return { ...builder.build("g", [info("x")], [info("y")], 17), valueInfo: [info("m")] };
}

const vector = (...values: number[]): RuntimeTensor => ({
  type: "float32",
  dims: [values.length],
  data: Float32Array.from(values),
});

async function run(graph: Graph, feeds: Tensors): Promise<Tensors> {
  const session = await runtime.createSession(encodeModel(graph), { optimization: "disabled" });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

test("withOutputs adds what is not an output yet, and leaves the graph alone otherwise", async () => {
  const graph = negatedExponential();
  expect(withOutputs(graph, ["y"])).toBe(graph);
  const exposed = withOutputs(graph, ["m", "y", "m"]);
  expect(exposed.outputs.map((output) => output.name)).toEqual(["y", "m"]);
  expect([...((await run(exposed, { x: vector(3) })).m?.data ?? [])]).toEqual([-3]);
});

test("cutAt gives readers the caller's value and returns what the graph computed", async () => {
  const { graph, outputOf } = cutAt(negatedExponential(), new Map([["m", vector(0)]]));
  const own = outputOf.get("m") ?? "";
  expect(graph.inputs.map((input) => input.name)).toEqual(["x", "m"]);
  expect(graph.outputs.map((output) => output.name)).toEqual([own]);
  expect(graph.valueInfo).toEqual([]);
  const withY = { ...graph, outputs: [...graph.outputs, ...negatedExponential().outputs] };
  const results = await run(withY, { x: vector(3), m: vector(0) });
  expect([...(results[own]?.data ?? [])]).toEqual([-3]);
  expect([...(results.y?.data ?? [])]).toEqual([1]);
});

test("cutAt passes over values that the graph does not compute", () => {
  const { outputOf } = cutAt(negatedExponential(), new Map([["x", vector(0)]]));
  expect(outputOf.size).toBe(0);
});
