import { describe, expect, it } from "vitest";
import { encodeModel } from "../../../../src/formats/onnx/write.ts";
import { GraphBuilder, makeValueInfo } from "../../../../src/graph/builder.ts";
import { DataType } from "../../../../src/graph/data-type.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { float32Tensor } from "../../../../src/graph/tensor.ts";
import { STEP_OPSET } from "../../../../src/operators/operator.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../../src/protocol/default-training-config.ts";
import type { OptimizerConfig, TrainingConfig } from "../../../../src/protocol/training.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";
import type { RuntimeTensor } from "../../../../src/runtime/runtime.ts";
import { OPTIMIZERS } from "../../../../src/training/optimizers/table.ts";
import { addScalars, addUpdates } from "../../../../src/training/parameter-updates.ts";
import goldens from "../../../oracles/optimizers.json" with { type: "json" };

const NAMES = ["weight", "bias"];
const PLAIN = { ...DEFAULT_TRAINING_CONFIG.optimizer, momentum: 0, weightDecay: 0 };

/** A graph of the updates alone, with gradients as inputs. */
type Clipping = TrainingConfig["gradientClipping"];

function updateGraph(
  optimizer: OptimizerConfig,
  decayed: ReadonlySet<string>,
  gradientClipping: Clipping,
) {
  const builder = new GraphBuilder(NAMES);
  const tensors = goldens.parameters.map(({ dims, start }, index) =>
    float32Tensor(NAMES[index] ?? "", dims, start),
  );
  const model = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const gradients = new Map(NAMES.map((name) => [name, builder.freshName(`${name}.gradient`)]));
  const scalars = addScalars(builder, optimizer);
  const { state } = addUpdates(
    builder,
    {
      config: { ...DEFAULT_TRAINING_CONFIG, optimizer, gradientClipping },
      parameters: NAMES,
      decayed,
      limits: new Map(),
    },
    gradients,
    scalars,
    { initializers: model } as unknown as Graph,
  );
  const inputs = [
    ...state.map(({ name, dims }) => makeValueInfo(name, DataType.FLOAT, dims)),
    ...tensors.map(({ name, dims }) =>
      makeValueInfo(gradients.get(name) ?? "", DataType.FLOAT, dims),
    ),
    ...[...scalars.values()].map((name) => makeValueInfo(name, DataType.FLOAT, [])),
  ];
  const outputs = state.map(({ next, dims }) => makeValueInfo(next, DataType.FLOAT, dims));
  return { graph: builder.build("update", inputs, outputs, STEP_OPSET), state, gradients, scalars };
}

const UNCLIPPED: Clipping = { norm: 0, value: 0 };

async function finals(optimizer: OptimizerConfig, decayed = new Set(NAMES), clipping = UNCLIPPED) {
  const { graph, state, gradients, scalars } = updateGraph(optimizer, decayed, clipping);
  const session = await (await loadRuntime()).createSession(encodeModel(graph), {});
  const tensor = (dims: readonly number[], values: readonly number[]): RuntimeTensor => ({
    type: "float32",
    dims,
    data: Float32Array.from(values),
  });
  const starts = new Map(goldens.parameters.map(({ start }, index) => [NAMES[index], start]));
  let values = new Map(
    state.map(({ name, dims }) => {
      const size = dims.reduce((product, size) => product * size, 1);
      return [name, tensor(dims, starts.get(name) ?? new Array<number>(size).fill(0))];
    }),
  );
  for (const [index, step] of goldens.gradients.entries()) {
    const numbers = OPTIMIZERS[optimizer.kind].scalars(
      optimizer,
      optimizer.learningRate,
      index + 1,
    );
    const results = await session.run(
      {
        ...Object.fromEntries(values),
        ...Object.fromEntries(
          goldens.parameters.map(({ dims }, parameter) => [
            gradients.get(NAMES[parameter] ?? "") ?? "",
            tensor(dims, step[parameter] ?? []),
          ]),
        ),
        ...Object.fromEntries(
          [...scalars].map(([name, input]) => [input, tensor([], [numbers[name] ?? Number.NaN])]),
        ),
      },
      state.map(({ next }) => next),
    );
    values = new Map(state.map(({ name, next }) => [name, results[next] as RuntimeTensor]));
  }
  await session.release();
  return NAMES.map((name) => [...(values.get(name) as RuntimeTensor).data].map(Number));
}

/** 20 steps in float32 against float64, relative to the largest weight. */
function expectClose(actual: readonly number[], golden: readonly number[]): void {
  const scale = Math.max(...golden.map(Math.abs));
  for (const [index, expected] of golden.entries()) {
    expect(Math.abs((actual[index] ?? Number.NaN) - expected)).toBeLessThan(1e-5 * scale);
  }
}

describe("twenty steps are the reference's twenty steps", () => {
  for (const run of goldens.runs) {
    it(run.name, async () => {
      const optimizer = { ...PLAIN, ...run.optimizer } as OptimizerConfig;
      const clipping = "clipping" in run ? run.clipping : UNCLIPPED;
      const weights = await finals(optimizer, new Set(NAMES), clipping);
      for (const [index, golden] of run.finals.entries()) expectClose(weights[index] ?? [], golden);
    });
  }
});

describe("what is not decayed takes the step without decay", () => {
  it.each(["adamw", "lamb"] as const)("%s", async (kind) => {
    const optimizer = { ...PLAIN, kind, learningRate: 0.01, weightDecay: 0.1 };
    const [weight, bias] = await finals(optimizer, new Set(["weight"]));
    const [decayedWeight, decayedBias] = await finals(optimizer);
    const adam = await finals({ ...optimizer, kind: "adam" });
    expect(weight).toEqual(decayedWeight);
    expect(bias).not.toEqual(decayedBias);
    expectClose(bias ?? [], adam[1] ?? []);
  });
});
