import { encodeModel } from "../../../src/formats/onnx/write.ts";
import type { AttributeValue } from "../../../src/graph/attributes.ts";
import { GraphBuilder, makeNode, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph, Node } from "../../../src/graph/graph.ts";
import { elementCount, type Tensor } from "../../../src/graph/tensor.ts";
import { STEP_OPSET, type TrainingForwardOptions } from "../../../src/operators/operator.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import type { RuntimeTensor, Tensors } from "../../../src/runtime/runtime.ts";
import { addGradients, addTrainingForward } from "../../../src/training/autodiff.ts";

export interface Values {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** A model of one node (or a few), as the tests describe it. */
export interface ModelDescription {
  readonly opset?: number;
  readonly nodes: readonly Node[];
  /** Values that are fed; gradients are taken with respect to them. */
  readonly inputs: Readonly<Record<string, Values>>;
  readonly initializers?: readonly Tensor[];
  /** Value of the model whose gradient is given. */
  readonly output: string;
}

export const OPTIONS: TrainingForwardOptions = {
  parameters: [],
  batchNormMomentum: 0.1,
  runningVariance: "unbiased",
  dropoutSeed: () => 7,
};

export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
): Node {
  return makeNode(opType, inputs, outputs, { name: opType.toLowerCase(), attributes });
}

export function modelOf(description: ModelDescription): Graph {
  const builder = new GraphBuilder();
  builder.nodes.push(...description.nodes);
  for (const tensor of description.initializers ?? []) builder.addInitializer(tensor);
  const inputs = Object.entries(description.inputs).map(([name, { shape }]) =>
    makeValueInfo(name, DataType.FLOAT, shape),
  );
  const output = makeValueInfo(description.output, DataType.FLOAT, []);
  const typeless = { ...output, type: undefined } as unknown as typeof output;
  return builder.build("model", inputs, [typeless], description.opset ?? 17);
}

export interface StepResult {
  /** Every output of the model's nodes, by the model's name. */
  readonly values: Readonly<Record<string, RuntimeTensor>>;
  readonly gradients: Readonly<Record<string, RuntimeTensor>>;
  readonly states: Readonly<Record<string, RuntimeTensor>>;
}

/**
 * Runs forward and gradient of a model in ONNX Runtime.
 *
 * @param outputGradient the seed; fed, so that nothing can be folded away.
 */
export async function runStep(
  description: ModelDescription,
  outputGradient: Values,
  options: Partial<TrainingForwardOptions> = {},
  threads = 1,
): Promise<StepResult> {
  const model = modelOf(description);
  const names = Object.keys(description.inputs);
  const builder = new GraphBuilder([...names, "seed"]);
  const trace = addTrainingForward(builder, model, new Map(), { ...OPTIONS, ...options });
  const gradients = addGradients(builder, trace, new Map([[description.output, "seed"]]), names);
  const states = trace.stateUpdates;
  const wanted: Record<string, string> = {};
  for (const { output } of description.nodes) {
    for (const name of output) if (name !== "") wanted[`value ${name}`] = trace.value(name);
  }
  for (const [name, gradient] of gradients) wanted[`gradient ${name}`] = gradient;
  for (const { parameter, next } of states) wanted[`state ${parameter}`] = next;
  const fed: Record<string, Values> = { ...description.inputs, seed: outputGradient };
  const feeds = Object.fromEntries(
    Object.entries(fed).map(([name, values]) => [name, feed(values)]),
  );
  for (const { parameter } of states) {
    const tensor = model.initializers.get(parameter) as Tensor;
    feeds[parameter] = {
      type: "float32",
      dims: tensor.dims,
      data: new Float32Array(tensor.data.read().slice().buffer),
    };
  }
  // A value may be wanted twice (the seed passes through an Identity): each output needs a name.
  const outputs = Object.values(wanted).map((value) =>
    builder.add("Identity", [value], { stem: "wanted" }),
  );
  const results = await run(
    builder.build(
      "step",
      Object.entries(feeds).map(([name, tensor]) =>
        makeValueInfo(name, DataType.FLOAT, tensor.dims),
      ),
      outputs.map(untyped),
      STEP_OPSET,
    ),
    feeds,
    threads,
  );
  const pick = (kind: string) =>
    Object.fromEntries(
      Object.keys(wanted).flatMap((key, index) =>
        key.startsWith(`${kind} `)
          ? [[key.slice(kind.length + 1), results[outputs[index] ?? ""] as RuntimeTensor]]
          : [],
      ),
    );
  return { values: pick("value"), gradients: pick("gradient"), states: pick("state") };
}

/** An output whose type ONNX Runtime infers. */
export function untyped(name: string) {
  const info = makeValueInfo(name, DataType.FLOAT, []);
  return { $typeName: info.$typeName, name, docString: "", metadataProps: [] } as typeof info;
}

export async function run(
  graph: Graph,
  feeds: Tensors,
  threads = 1,
): Promise<Record<string, RuntimeTensor>> {
  const runtime = await loadRuntime();
  const session = await runtime.createSession(encodeModel(graph), { threads });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

export function feed(values: Values): RuntimeTensor {
  return { type: "float32", dims: [...values.shape], data: Float32Array.from(values.data) };
}

/** Largest difference relative to the largest expected magnitude. */
export function relativeError(actual: ArrayLike<number | bigint>, expected: ArrayLike<number>) {
  let [difference, magnitude] = [0, 1e-6];
  for (let index = 0; index < expected.length; index++) {
    const value = expected[index] ?? 0;
    difference = Math.max(difference, Math.abs(Number(actual[index]) - value));
    magnitude = Math.max(magnitude, Math.abs(value));
  }
  return actual.length === expected.length ? difference / magnitude : Number.POSITIVE_INFINITY;
}

/** Numbers that look random, the same on every run, none of them near 0. */
export function numbers(shape: readonly number[], seed = 1): Values {
  let state = seed * 2654435761;
  const data = Array.from({ length: elementCount(shape) }, () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    const value = state / 2 ** 31 - 1;
    return value + Math.sign(value) * 0.05;
  });
  return { shape, data };
}
