import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { TrainingEvent } from "../../../src/protocol/training.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { mergeConfig } from "../../../src/training/config.ts";
import { type TrainOptions, train } from "../../../src/training/train.ts";

/** Enough to learn something in well under a second. */
export const SHORT = {
  split: { train: 0.3, validation: 0.1, test: 0.6 },
  maxEpochs: 3,
  optimizer: { learningRate: 5e-3 },
  statistics: { everySteps: 5 },
};

/** Trains into a new folder and keeps every event. */
export async function runTraining(graph: Graph, part: object, changes: Partial<TrainOptions> = {}) {
  const events: TrainingEvent[] = [];
  const config = mergeConfig({ ...DEFAULT_TRAINING_CONFIG, threads: 1 }, part);
  const runsFolder = await temporaryFolder();
  const result = await train({
    graph,
    modelName: "models/a model.onnx",
    prepared: false,
    config,
    runsFolder,
    runtime: await loadRuntime(),
    signal: new AbortController().signal,
    isPaused: () => undefined,
    onEvent: (event) => events.push(event),
    ...changes,
  });
  return { events, result, runsFolder, config };
}

export function pick<Kind extends TrainingEvent["event"]>(
  events: readonly TrainingEvent[],
  kind: Kind,
): Extract<TrainingEvent, { event: Kind }>[] {
  return events.filter(
    (event): event is Extract<TrainingEvent, { event: Kind }> => event.event === kind,
  );
}

/** What must repeat: everything but times and paths. */
export function repeatable(events: readonly TrainingEvent[]): unknown[] {
  return events.map((event) => {
    if (event.event === "epoch" || event.event === "retrainEpoch") return { ...event, seconds: 0 };
    if (event.event === "done") return { ...event, model: "", run: "" };
    return event.event === "start" ? { ...event, run: "", config: "" } : event;
  });
}

const folders: string[] = [];

// Several tests of a file may share a run, so its folder lives as long as the file's tests.
afterAll(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** A folder that is gone when the tests of the file have ended. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "normlens-training-"));
  folders.push(folder);
  return folder;
}

/** A table of three features and y = 2a − b + 0.5c + 3, which a linear layer can learn exactly. */
export async function linearTable(rows = 200): Promise<string> {
  const lines = ["a,b,c,target"];
  for (let row = 0; row < rows; row++) {
    const [a, b, c] = [Math.sin(row), Math.cos(row * 1.3), Math.sin(row * 0.7 + 1)];
    lines.push(`${a},${b},${c},${2 * a - b + 0.5 * c + 3}`);
  }
  const path = join(await temporaryFolder(), "linear.csv");
  await writeFile(path, `${lines.join("\n")}\n`);
  return path;
}

/** x[N, inputs] → Gemm → (middle operators) → y[N, outputs]. */
export function smallModel(inputs: number, outputs: number, middle: readonly string[] = []): Graph {
  const builder = new GraphBuilder(["x", "y"]);
  const weight = float32Tensor(
    "w",
    [outputs, inputs],
    new Float32Array(inputs * outputs).fill(0.1),
  );
  builder.addInitializer(weight);
  builder.addInitializer(float32Tensor("b", [outputs], new Float32Array(outputs)));
  let value = builder.add("Gemm", ["x", "w", "b"], {
    name: "dense",
    attributes: { transB: { int: 1 } },
  });
  for (const opType of middle) value = builder.add(opType, [value], { name: `the ${opType}` });
  return builder.build(
    "small",
    [makeValueInfo("x", DataType.FLOAT, ["N", inputs])],
    [makeValueInfo(value, DataType.FLOAT, ["N", outputs])],
    17,
  );
}
