import type { RunParts } from "../recorded-run.ts";
import { RUN_FILES } from "../run-folder.ts";
import { type LayersFile, writeLayersFile } from "./layers-file.ts";

/**
 * How a run keeps its models: each a model.json with its weights, in a folder of its own.
 *
 * @param file the model the run began with.
 */
export function layersModels(file: LayersFile): RunParts["models"] {
  return {
    best: RUN_FILES.bestLayers,
    retrained: RUN_FILES.retrainedLayers,
    save: (weights, path, signal) => writeLayersFile(path, file, weights, signal),
  };
}
