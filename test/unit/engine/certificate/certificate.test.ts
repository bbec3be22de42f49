import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encodeNpz } from "../../../../src/data/write-npz.ts";
import { certify } from "../../../../src/engine/certificate/certificate.ts";
import { compareModels } from "../../../../src/engine/certificate/compare-models.ts";
import { Cancelled } from "../../../../src/engine/context.ts";
import { readModel } from "../../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeNode, makeValueInfo } from "../../../../src/graph/builder.ts";
import { DataType } from "../../../../src/graph/data-type.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { float32Tensor } from "../../../../src/graph/tensor.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import type { ProgressNotification } from "../../../../src/protocol/engine.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";
import { temporaryFolder } from "../../../support/repository.ts";
import { convModel, randomConfiguration } from "../../passes/conv-models.ts";

const runtime = await loadRuntime();

const load = (path: string) => readModel(new URL(`../../../../${path}`, import.meta.url).pathname);

/** y = factor·x, element by element, with an optional second operator behind it. */
function scaling(factor: number, options: { output?: string; last?: string } = {}): Graph {
  const builder = new GraphBuilder(["x"]);
  const { output = "y", last } = options;
  const constant = builder.addInitializer(float32Tensor("factor", [1], [factor]));
  builder.nodes.push(makeNode("Mul", ["x", constant], [last === undefined ? output : "m"]));
  if (last !== undefined) builder.nodes.push(makeNode(last, ["m"], [output]));
  const type = DataType.FLOAT;
  const info = (name: string) => makeValueInfo(name, type, ["batch", 5]);
  return builder.build("scaling", [info("x")], [info(output)], 17);
}

describe("certify", () => {
  test("names the inputs it tried and says the largest difference", async () => {
    const before = convModel(randomConfiguration(3));
    const { graph: after, siteOutputs } = foldBatchNorm.apply(before, undefined, {});
    const certificate = await certify({ before, after, siteOutputs, runtime });
    expect(certificate.inputs).toEqual([
      "standard normal, seed 1",
      "uniform 0 to 1, seed 2",
      "ramp -1 to 1",
      "zeros",
      "constant 1000",
      "constant -1000",
    ]);
    expect(certificate.sentence).toMatch(
      /^Same function: largest difference \d(\.\d)?e-\d of the output's scale on 6 inputs\.$/,
    );
    expect(certificate.outputs.map((output) => output.name)).toEqual(["bn_out"]);
    expect(certificate.sites?.map((site) => site.name)).toEqual(["bn"]);
  });

  test("is the same every time", async () => {
    const before = convModel(randomConfiguration(4));
    const { graph: after, siteOutputs } = foldBatchNorm.apply(before, undefined, {});
    const request = { before, after, siteOutputs, runtime };
    expect(await certify(request)).toEqual(await certify(request));
  });

  test("tries the user's data", async () => {
    const before = await load("media/samples/digits-cnn.onnx");
    const { graph: after, siteOutputs } = foldBatchNorm.apply(before, undefined, {});
    const certificate = await certify({ before, after, siteOutputs, runtime, data: "digits" });
    expect(certificate.pass).toBe(true);
    expect(certificate.inputs.at(-1)).toBe("data digits");
  });

  test("a model of a fixed batch size tries as many rows of the user's data", async () => {
    const fixed = (factor: number) => {
      const graph = scaling(factor);
      return { ...graph, inputs: [makeValueInfo("x", DataType.FLOAT, [4, 5])] };
    };
    const data = join(await temporaryFolder(), "samples.npz");
    for (const rows of [3, 32]) {
      const values = Float32Array.from({ length: rows * 5 }, (_, position) => position);
      await writeFile(data, encodeNpz([{ name: "x", shape: [rows, 5], values }]));
      const certificate = await certify({ before: fixed(2), after: fixed(2), runtime, data });
      expect(certificate.pass).toBe(true);
      expect(certificate.inputs.at(-1)).toBe(`data ${data}`);
      const wrong = await certify({ before: fixed(2), after: fixed(2.1), runtime, data });
      expect(wrong.pass).toBe(false);
    }
  });

  test("arrays are brought into the shape of the inputs they are named after, or refused", async () => {
    const shaped = (factor: number) => {
      const graph = scaling(factor);
      const info = (name: string) => makeValueInfo(name, DataType.FLOAT, ["batch", 2, 5]);
      return { ...graph, inputs: [info("x")], outputs: [info("y")] };
    };
    const data = join(await temporaryFolder(), "flat.npz");
    const write = (width: number) =>
      writeFile(
        data,
        encodeNpz([{ name: "x", shape: [3, width], values: new Float32Array(3 * width) }]),
      );
    await write(10);
    const request = () => certify({ before: shaped(2), after: shaped(2), runtime, data });
    expect((await request()).inputs.at(-1)).toBe(`data ${data}`);
    await write(9);
    await expect(request()).rejects.toThrow(
      "a sample has 9 numbers (9), but input x takes 10 (2×5)",
    );
  });

  test("data that does not fit is refused", async () => {
    const before = convModel(randomConfiguration(3));
    const request = certify({ before, after: before, runtime, data: "digits" });
    await expect(request).rejects.toThrow("a sample has 64 numbers");
  });

  test("a changed model that does not run is not checked either", async () => {
    const before = scaling(2);
    const after = { ...before, nodes: [makeNode("Mystery", ["x"], ["y"])] };
    const certificate = await certify({ before, after, runtime });
    expect(certificate.sentence).toMatch(/^Not checked: ONNX Runtime cannot run the changed model/);
  });

  test("a model with random operators has no one answer to compare with", async () => {
    const before = scaling(2, { last: "RandomNormalLike" });
    const certificate = await certify({ before, after: before, runtime });
    expect(certificate.sentence).toContain("its outputs change from run to run");
  });

  test("NaN equals NaN at the same place only", async () => {
    const before = scaling(2, { last: "Sqrt" });
    expect((await certify({ before, after: before, runtime })).pass).toBe(true);
    const finite = { ...before, nodes: [before.nodes[0], makeNode("Abs", ["m"], ["y"])] } as Graph;
    const certificate = await certify({ before, after: finite, runtime });
    expect(certificate.sentence).toContain("is NaN or infinite in one model only");
  });

  test("can be cancelled, and reports progress up to the end", async () => {
    const before = scaling(2);
    const progress: ProgressNotification[] = [];
    const onProgress = (each: ProgressNotification) => progress.push(each);
    await certify({ before, after: before, runtime, onProgress });
    expect(progress.at(-1)?.fraction).toBe(1);
    const signal = AbortSignal.abort();
    await expect(certify({ before, after: before, runtime, signal })).rejects.toThrow(Cancelled);
    const controller = new AbortController();
    const late = certify({
      before,
      after: before,
      runtime,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(late).rejects.toThrow(Cancelled);
  });
});

describe("compareModels", () => {
  test("models that take inputs of other sizes are told apart without running them", async () => {
    const sized = (dims: (number | string)[]) => {
      const builder = new GraphBuilder();
      const y = builder.add("Relu", ["x"], { stem: "y" });
      const values = [makeValueInfo("x", DataType.FLOAT, dims)];
      return builder.build("sized", values, [makeValueInfo(y, DataType.FLOAT, dims)], 17);
    };
    const compared = async (a: Graph, b: Graph) =>
      (await compareModels({ a, b, runtime })).sentence;
    expect(await compared(sized(["n", 4]), sized(["n", 3]))).toBe(
      "Not the same function: input x is [n,4] in the first model, and x is [n,3] in the second.",
    );
    expect(await compared(sized(["n", 4]), sized(["n", 4, 2]))).toMatch(/^Not the same function: /);
    expect(await compared(sized(["n", 4]), sized(["n", "m"]))).toMatch(/^Same function/);
    expect(await compared(sized(["n", 4]), sized([2, 4]))).toMatch(/^Same function/);
  });

  test("the same function under another output name", async () => {
    const a = scaling(3);
    const b = scaling(3, { output: "z" });
    const certificate = await compareModels({ a, b, runtime });
    expect(certificate.sentence).toBe("Same function: no difference at all on 6 inputs.");
  });

  test("another function", async () => {
    const certificate = await compareModels({ a: scaling(3), b: scaling(3.001), runtime });
    expect(certificate.pass).toBe(false);
    expect(certificate.sentence).toMatch(/^Not the same function: output y differs by 0\.00033 /);
  });

  test("two labels for one function agree only when equal", async () => {
    const a = scaling(3, { last: "Sign" });
    const b = scaling(-3, { last: "Sign" });
    expect((await compareModels({ a, b: a, runtime })).pass).toBe(true);
    expect((await compareModels({ a, b, runtime })).pass).toBe(false);
  });

  test("different signatures are named", async () => {
    const a = scaling(3);
    const b = { ...a, outputs: [...a.outputs, makeValueInfo("x", DataType.FLOAT, [1])] };
    const certificate = await compareModels({ a, b, runtime });
    expect(certificate.sentence).toBe(
      "Not the same function: the first model has 1 output, the second 2 outputs.",
    );
    const double = { ...a, inputs: [makeValueInfo("x", DataType.DOUBLE, ["batch", 5])] };
    expect((await compareModels({ a, b: double, runtime })).sentence).toBe(
      "Not the same function: input x is float32 in the first model and float64 in the second.",
    );
  });

  test("a folded file equals the file it came from", async () => {
    const a = await load("media/samples/narrow-resnet.onnx");
    const b = foldBatchNorm.apply(a, undefined, {}).graph;
    expect((await compareModels({ a, b, runtime })).sentence).toMatch(/^Same function/);
    expect((await compareModels({ a: b, b: a, runtime })).sentence).toMatch(/^Same function/);
  });
});
