import { describe, expect, test } from "vitest";
import { certify } from "../../../../src/engine/certificate/certificate.ts";
import { readModel } from "../../../../src/formats/onnx/read.ts";
import { DataType } from "../../../../src/graph/data-type.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { readFloat64, roundedTensor } from "../../../../src/graph/numbers.ts";
import type { Tensor } from "../../../../src/graph/tensor.ts";
import { batchNormToAffine } from "../../../../src/passes/batch-norm-to-affine.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import type { Pass } from "../../../../src/passes/pass.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";
import { convModel, randomConfiguration } from "../../passes/conv-models.ts";
import { foldWrongly, WRONG_FOLDS } from "./wrong-folds.ts";

/** Seeds of random convolutions, in groups that each take a second or two. */
const GROUPS = Array.from({ length: 11 }, (_, group) => group);
const FOLDS_PER_GROUP = 10;
const SAMPLES = ["digits-cnn", "narrow-mobilenetv2", "narrow-resnet"];

const runtime = await loadRuntime();

async function sample(name: string): Promise<Graph> {
  return readModel(new URL(`../../../../media/samples/${name}.onnx`, import.meta.url).pathname);
}

async function certified(before: Graph, pass: Pass) {
  const { graph, siteOutputs } = pass.apply(before, undefined, {});
  return certify({ before, after: graph, siteOutputs, runtime });
}

test.each(GROUPS)("right folds of random convolutions pass, group %i", async (group) => {
  for (let place = 0; place < FOLDS_PER_GROUP; place++) {
    const dataType = place === 0 ? DataType.FLOAT16 : DataType.FLOAT;
    const before = convModel(randomConfiguration(group * FOLDS_PER_GROUP + place, dataType));
    expect((await certified(before, foldBatchNorm)).sentence).toMatch(/^Same function: /);
  }
});

test.each(SAMPLES)("right folds and rewrites of %s pass", async (name) => {
  const before = await sample(name);
  expect((await certified(before, foldBatchNorm)).sentence).toMatch(/^Same function/);
  expect((await certified(before, batchNormToAffine)).sentence).toMatch(/^Same function/);
});

describe.each(GROUPS)("wrong folds of random convolution %i fail", (group) => {
  const configuration = randomConfiguration(1000 + group);
  const before = convModel(configuration);
  const { graph, siteOutputs } = foldBatchNorm.apply(before, undefined, {});

  test.each(WRONG_FOLDS.filter((mistake) => mistake.applies(configuration)))(
    "$name",
    async (mistake) => {
      const after = foldWrongly(before, graph, configuration, mistake);
      const certificate = await certify({ before, after, siteOutputs, runtime });
      expect(certificate.pass).toBe(false);
      expect(certificate.sentence).toMatch(/^Not the same function: the result of bn /);
    },
  );
});

test.each(SAMPLES)("1 % in one channel of any layer of %s fails and is located", async (name) => {
  const before = await sample(name);
  const { graph, siteOutputs, applied } = foldBatchNorm.apply(before, undefined, {});
  const middle = Math.floor(applied.length / 2);
  for (const site of [applied[0], applied[middle], applied.at(-1)]) {
    const conv = graph.nodes.find((node) => node.name === site?.into);
    const weightName = conv?.input[1] ?? "";
    const weight = graph.initializers.get(weightName) as Tensor;
    const values = readFloat64(weight);
    const perChannel = values.length / (weight.dims[0] as number);
    // The channel with the largest weights surely does something.
    const channel = Math.floor(
      values.indexOf(values.reduce((a, b) => Math.max(a, b))) / perChannel,
    );
    for (let i = channel * perChannel; i < (channel + 1) * perChannel; i++) {
      values[i] = (values[i] as number) * 1.01;
    }
    const wrong = roundedTensor(weightName, weight.dims, weight.dataType, values);
    const after = { ...graph, initializers: new Map(graph.initializers).set(weightName, wrong) };
    const certificate = await certify({ before, after, siteOutputs, runtime });
    expect(certificate.pass).toBe(false);
    expect(certificate.sentence).toContain(`the result of ${site?.node} differs`);
    expect(certificate.sentence).toContain(`channel ${channel} `);
  }
});
