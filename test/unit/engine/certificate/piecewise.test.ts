import { describe, expect, test } from "vitest";
import { certify } from "../../../../src/engine/certificate/certificate.ts";
import { readModel } from "../../../../src/formats/onnx/read.ts";
import { isFloatingPoint } from "../../../../src/graph/data-type.ts";
import { changeNode } from "../../../../src/graph/edit.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { readFloat64, roundedTensor } from "../../../../src/graph/numbers.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";

const runtime = await loadRuntime();

const WHY_AND_HOW: readonly (readonly [string, RegExp, string])[] = [
  ["bfloat16", /its input x is bfloat16/, ", in float32 instead of bfloat16"],
  ["double", /Could not find an implementation for Conv/, ", in float32 instead of float64"],
  ["opset1", /BatchNormalization\(1\)/, ", with BatchNormalization as opset 9 has it"],
  ["opset6", /BatchNormalization\(6\)/, ", with BatchNormalization as opset 9 has it"],
  ["custom-operator", /com\.example:Mystery/, ""],
];

const load = (name: string) =>
  readModel(new URL(`../../../fixtures/onnx/${name}.onnx`, import.meta.url).pathname);

async function folded(name: string) {
  const before = await load(name);
  const { graph: after, siteOutputs } = foldBatchNorm.apply(before, undefined, {});
  return { before, after, siteOutputs, runtime };
}

/** One channel of every tensor that the fold made is too large. */
function withWrongChannel(before: Graph, after: Graph, factor: number): Graph {
  const initializers = new Map(after.initializers);
  for (const [name, tensor] of after.initializers) {
    if (before.initializers.get(name) === tensor || !isFloatingPoint(tensor.dataType)) continue;
    const perChannel = Math.max(1, readFloat64(tensor).length / (tensor.dims[0] ?? 1));
    const values = readFloat64(tensor).map((value, i) => (i < perChannel ? value * factor : value));
    initializers.set(name, roundedTensor(name, tensor.dims, tensor.dataType, values));
  }
  return { ...after, initializers };
}

describe.each(WHY_AND_HOW)("%s", (name, why, how) => {
  test("a right fold passes, and the sentence says what was compared", async () => {
    const certificate = await certify(await folded(name));
    expect(certificate.sentence).toMatch(
      /^Checked piece by piece, because ONNX Runtime cannot run the whole model \(.*\): /,
    );
    expect(certificate.sentence).toMatch(why);
    expect(certificate.sentence.endsWith(`): 1 of 1 fold agrees${how}.`)).toBe(true);
    expect(certificate.pass).toBe(true);
    expect(certificate.sites?.map((site) => site.name)).toEqual(["bn"]);
    expect(certificate.inputs.length).toBeGreaterThan(0);
  });

  // Neighbours of bfloat16 lie up to 0.8 % apart, so that 1 % is not above rounding there.
  test("a wrong channel fails", async () => {
    const request = await folded(name);
    const factor = name === "bfloat16" ? 1.1 : 1.01;
    const after = withWrongChannel(request.before, request.after, factor);
    const certificate = await certify({ ...request, after });
    expect(certificate.pass).toBe(false);
    expect(certificate.sentence).toMatch(/^Not the same function: the result of bn differs/);
  });
});

test("a change outside of the named sites is compared as well", async () => {
  const request = await folded("custom-operator");
  const nodes = request.after.nodes.map((node) =>
    node.opType === "Mystery" ? changeNode(node, { name: "other" }) : node,
  );
  const certificate = await certify({ ...request, after: { ...request.after, nodes } });
  expect(certificate.pass).toBe(false);
  expect(certificate.sentence).toMatch(/^(Checked in part|Not checked)/);
});

test("nothing changed leaves nothing to check in pieces", async () => {
  const before = await load("custom-operator");
  const certificate = await certify({ before, after: before, runtime });
  expect(certificate.sentence).toMatch(/^Not checked: ONNX Runtime cannot run the original model/);
});
