import type { RunParts } from "../recorded-run.ts";
import { layersModelNames } from "./layers-endings.ts";
import type { LayersFile } from "./layers-file.ts";

/**
 * How a run keeps its models: in the format of the model it began with.
 *
 * @param file the model the run began with.
 */
export function layersModels(file: LayersFile): RunParts["models"] {
  return {
    ...layersModelNames(file.path),
    save: (weights, path, signal) => file.save(path, weights, signal),
  };
}
