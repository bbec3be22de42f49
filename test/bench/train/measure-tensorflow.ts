import { parseArgs } from "node:util";
import { tensorFlowFolder } from "../../../src/engine/tensorflow/folder.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import {
  findTensorFlow,
  loadTensorFlow,
  type TensorFlowModule,
} from "../../../src/runtime/tensorflow.ts";
import { trainBatchNormalization } from "../../../src/training/tensorflow/batch-norm.ts";
import { weightParts } from "../../../src/training/tensorflow/layer-weights.ts";
import { TensorStep } from "../../../src/training/tensorflow/tensor-step.ts";
import { randomBatch } from "./random-batch.ts";
import { LAYERS_NETWORKS } from "./tensorflow-networks.ts";
import { addFilterGradient } from "./wasm-gradients.ts";

/**
 * Times the training step of engine "tensorflow" on one of the benchmark's networks, and prints
 * { medianMs } as JSON: `--engine node|wasm --network cnn28 --batch 64 --steps 50`. One process an
 * engine: two copies of TensorFlow.js in one share what must not be shared.
 */
const { values } = parseArgs({
  options: {
    engine: { type: "string", default: "node" },
    network: { type: "string", default: "cnn28" },
    batch: { type: "string", default: "64" },
    steps: { type: "string", default: "50" },
  },
});

const WARM_UP = 3;
/** A backend that takes seconds a step is not asked for more of them. */
const LONGEST_SECONDS = 20;

async function tensorFlowNode(): Promise<TensorFlowModule> {
  const folder = findTensorFlow(tensorFlowFolder());
  if (folder === undefined) throw new Error("tfjs-node is not installed");
  return loadTensorFlow(folder).tf;
}

async function tensorFlowWasm(): Promise<TensorFlowModule> {
  const core = await import("@tensorflow/tfjs-core");
  const layers = await import("@tensorflow/tfjs-layers");
  await import("@tensorflow/tfjs-backend-wasm");
  await core.setBackend("wasm");
  addFilterGradient(core);
  return { ...core, ...layers } as unknown as TensorFlowModule;
}

async function measure(): Promise<number> {
  const tf = await (values.engine === "wasm" ? tensorFlowWasm() : tensorFlowNode());
  const model = LAYERS_NETWORKS[values.network]?.(tf);
  if (model === undefined) throw new Error(`no network ${values.network}`);
  const config = DEFAULT_TRAINING_CONFIG;
  const parts = weightParts(model, config);
  for (const { layer } of parts.normalizations) {
    trainBatchNormalization(tf, layer, config, false);
  }
  const size = Number(values.batch);
  const inputShape = [size, ...(model.inputs[0]?.shape ?? []).slice(1).map(Number)];
  const settings = { targets: "classes", labelSmoothing: 0, delta: 1 } as const;
  const initial = new Map<string, Float32Array>();
  const step = new TensorStep({
    tf,
    model,
    config,
    settings,
    inputShape,
    ...parts,
    initial,
    stepsDone: 0,
  });
  const batch = randomBatch(
    size,
    inputShape.reduce((product, length) => product * length, 1),
  );
  const milliseconds: number[] = [];
  const begun = performance.now();
  for (let count = 0; count < WARM_UP + Number(values.steps); count++) {
    const start = performance.now();
    await step.run(batch, 1e-3, { samples: false, details: false });
    milliseconds.push(performance.now() - start);
    if (count >= WARM_UP && performance.now() - begun > 1000 * LONGEST_SECONDS) break;
  }
  const measured = milliseconds.slice(WARM_UP).sort((a, b) => a - b);
  return measured[Math.floor(measured.length / 2)] ?? Number.NaN;
}

console.log(JSON.stringify({ medianMs: await measure() }));
