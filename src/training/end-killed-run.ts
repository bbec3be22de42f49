import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { copyModel } from "../formats/onnx/copy.ts";
import { readModel, saveModel } from "../formats/registry.ts";
import { inTargetFolder } from "../formats/target-folder.ts";
import { changeGraph, changeNode } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import type { TrainingConfig, TrainingEvent } from "../protocol/training.ts";
import type { StartEvent } from "./run-events.ts";
import { RUN_FILES, RunFolder, removeTemporaryFiles } from "./run-folder.ts";
import { killedSentence } from "./stop-sentence.ts";
import { layersModelNames } from "./tensorflow/layers-endings.ts";

/** What a run's metrics.jsonl has of the events that an ending follows from. */
interface ToldSoFar {
  readonly events: readonly TrainingEvent[];
  /** Bytes of the lines that stay. */
  readonly bytes: number;
  /** Nothing was cut off: the run came to its own end a moment before. */
  readonly ended: boolean;
}

export interface KilledRun {
  readonly folder: string;
  /** Number of the process, which has been sent SIGKILL: it may still be giving its memory back. */
  readonly process: number;
  /** The model as the run trained it: with what the run's options put before training. */
  prepared(model: Graph, config: TrainingConfig): Promise<Graph>;
  /** Told stop at once, and done when the model is at the run's output. */
  onEvent(event: TrainingEvent): void;
}

/**
 * Ends a run that was cancelled and whose process did not hear of it and was killed: what
 * cancelling does otherwise, from what is on the disk. The best model is there already and goes to
 * the run's output, the record says "cancelled", the lock is free. The last checkpoint stays as it
 * is, so the steps since then happen again where the run is resumed; nothing is measured on the
 * test samples.
 *
 * @returns the model the run ends with; undefined where it was killed in its first step.
 * @throws InputError where the folder is no run, or another process works on it.
 */
export async function endKilledRun({
  folder,
  process,
  prepared,
  onEvent,
}: KilledRun): Promise<string | undefined> {
  const told = await toldSoFar(folder);
  const start = told.events.find((event) => event.event === "start");
  if (start === undefined) throw new InputError("the run was cut off before it began", folder);
  const [best, retrained] = modelFiles(folder, start);
  const hasModel = existsSync(best);
  const stop = told.ended ? undefined : cancelled(start, told.events, hasModel);
  if (stop !== undefined) onEvent(stop);
  const record = await RunFolder.reopen(folder, told.bytes, process);
  try {
    if (stop === undefined) return existsSync(retrained) ? retrained : best;
    record.append(stop);
    await removeTemporaryFiles(folder);
    if (!hasModel) return undefined;
    const { output } = start;
    if (output !== undefined) await saveOutput(best, start, output, prepared);
    const done: TrainingEvent = { event: "done", model: output ?? best, run: folder };
    record.append(done);
    onEvent(done);
    return best;
  } finally {
    await record.close();
  }
}

/** Of the run: the best model, and the one that was trained again. */
function modelFiles(folder: string, { config, model }: StartEvent): [string, string] {
  const { best, retrained } = config.engine === "tensorflow" ? layersModelNames(model) : RUN_FILES;
  return [join(folder, best), join(folder, retrained)];
}

/** The best model in the output's format; it is a copy where that is ONNX. */
async function saveOutput(
  best: string,
  start: StartEvent,
  output: string,
  prepared: KilledRun["prepared"],
): Promise<void> {
  if (start.config.engine === "tensorflow") {
    await saveModel(await readModel(best), output);
    return;
  }
  const isOnnx = extname(output).toLowerCase() === ".onnx";
  const model = isOnnx ? undefined : await readModel(start.model);
  if (model === undefined || model.source.format === "onnx") {
    return inTargetFolder(output, () => copyModel(best, output));
  }
  const graph = await prepared(model, start.config);
  const trained = await readModel(best);
  const initializers = [...trained.initializers.values()].filter(({ name }) =>
    graph.initializers.has(name),
  );
  const notes = new Map(trained.nodes.map((node) => [node.output[0], node.metadataProps] as const));
  // What the run left in the model beside weights stands in the notes of its nodes.
  const nodes = graph.nodes.map((node) => {
    const metadataProps = notes.get(node.output[0]);
    return metadataProps === undefined ? node : changeNode(node, { metadataProps });
  });
  await saveModel({ ...changeGraph(graph, { initializers }), nodes }, output);
}

function cancelled(
  start: StartEvent,
  events: readonly TrainingEvent[],
  hasModel: boolean,
): TrainingEvent {
  const epochs = events.filter((event) => event.event === "epoch");
  const retrain = events.find((event) => event.event === "retrain");
  const again = events.findLast((event) => event.event === "retrainEpoch");
  const bestEpoch = epochs.findLast(({ best }) => best)?.epoch ?? 0;
  const { earlyStopping } = start.config;
  return {
    event: "stop",
    reason: "cancelled",
    bestEpoch,
    epochs: epochs.length,
    sentence: killedSentence(
      { epochs: epochs.length, bestEpoch, hasModel },
      earlyStopping,
      retrain === undefined ? undefined : { plan: retrain, steps: again?.step ?? 0 },
    ),
  };
}

/**
 * Whole lines only: the last one may have been cut off. A stop whose model was not saved any more
 * counts as not told. Steps are left out, there may be many.
 */
async function toldSoFar(folder: string): Promise<ToldSoFar> {
  const metrics = await readFile(join(folder, RUN_FILES.metrics)).catch(() => {
    throw new InputError(`is not the folder of a run: it has no ${RUN_FILES.metrics}`, folder);
  });
  const ended = metrics.includes('\n{"event":"done"');
  const stop = ended ? -1 : metrics.lastIndexOf('\n{"event":"stop"');
  const bytes = (stop === -1 ? metrics.lastIndexOf("\n") : stop) + 1;
  const lines = metrics.toString("utf8", 0, bytes).split("\n");
  const events = lines
    .filter((line) => line !== "" && !line.startsWith('{"event":"step"'))
    .map((line) => JSON.parse(line) as TrainingEvent);
  return { events, bytes, ended };
}
