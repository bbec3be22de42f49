import { join } from "node:path";
import { expect, test } from "vitest";
import type { Dataset } from "../../../src/data/dataset.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { changeNode } from "../../../src/graph/edit.ts";
import type { Node } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { modelGradients } from "../../../src/training/model-gradients.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import { separateParameters } from "../../../src/training/separate-parameters.ts";
import { FIXTURES, SAMPLES } from "../../support/repository.ts";
import { relativeError } from "../operators/step-harness.ts";

const SHARED = join(FIXTURES, "shared-identity-resnet.onnx");

const dataset: Dataset = {
  name: "waves",
  count: 4,
  sampleShape: [3, 32, 32],
  features: Float32Array.from({ length: 4 * 3 * 32 * 32 }, (_, at) => Math.sin(at * at)),
  targets: { kind: "classes", labels: Int32Array.of(1, 2, 3, 4), classNames: [..."0123456789"] },
};

test("tensors stored once with an Identity for each further name become tensors of their own", async () => {
  const graph = await readModel(SHARED);
  const identities = graph.nodes.filter((node) => node.opType === "Identity");
  expect(identities.length).toBeGreaterThan(10);
  const separate = separateParameters(graph);
  expect(separate.nodes.some((node) => node.opType === "Identity")).toBe(false);
  for (const { input, output } of identities) {
    const [own, shared] = [output[0] ?? "", input[0] ?? ""].map((name) =>
      separate.initializers.get(name),
    );
    expect(own && readFloat64(own)).toEqual(shared && readFloat64(shared));
  }
  const names = trainableParameters(separate).map(({ name }) => name);
  expect(names).toHaveLength(41);
});

test("each name has its own gradient, and a tensor that layers read directly the sum of them", async () => {
  const runtime = await loadRuntime();
  const options = {
    dataset,
    loss: "cross-entropy",
    mode: "training",
    runtime,
    threads: 2,
  } as const;
  const graph = await readModel(SHARED);
  const isShared = (node: Node) => node.opType === "Identity";
  const sources = new Map(
    graph.nodes.filter(isShared).map(({ input, output }) => [output[0] ?? "", input[0] ?? ""]),
  );
  const nodes = graph.nodes
    .filter((node) => !isShared(node))
    .map((node) =>
      changeNode(node, { input: node.input.map((name) => sources.get(name) ?? name) }),
    );
  const tied = await modelGradients({ ...options, graph: { ...graph, nodes } });
  const separate = await modelGradients({ ...options, graph });
  expect(separate.gradients.length).toBeGreaterThan(tied.gradients.length + 10);
  expect(separate.loss).toBeCloseTo(tied.loss, 6);
  for (const { name, values } of tied.gradients) {
    const parts = separate.gradients.filter(
      (each) => (sources.get(each.name) ?? each.name) === name,
    );
    const sum = values.map((_, at) =>
      parts.reduce((total, part) => total + (part.values[at] ?? 0), 0),
    );
    expect(relativeError(sum, [...values])).toBeLessThan(1e-4);
  }
});

test("a model without shared tensors stays as it is", async () => {
  const graph = await readModel(join(SAMPLES, "narrow-resnet.onnx"));
  expect(separateParameters(graph)).toBe(graph);
});
