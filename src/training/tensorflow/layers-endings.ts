import { extname } from "node:path";
import { InputError } from "../../graph/input-error.ts";
import { RUN_FILES } from "../run-folder.ts";

const KERAS = [".keras", ".h5", ".hdf5"];

/** @throws InputError for a file whose name says that it holds no layers, before TensorFlow is loaded. */
export function requireLayersModel(model: string): void {
  if (ending(model) === ".json" || isKeras(model)) return;
  throw new InputError(
    'engine "tensorflow" trains layers models of TensorFlow.js and Keras (.json, .keras, .h5); engine "onnxruntime" trains this one',
    model,
  );
}

/** Whether the name is that of a model that Keras saved. */
export function isKeras(model: string): boolean {
  return KERAS.includes(ending(model));
}

/** Hours of training must not end with a model that cannot be saved. */
export function requireLayersTarget(target: string, model: string): void {
  if (ending(target) === ending(model)) return;
  throw new InputError(
    `engine "tensorflow" writes a model in the format it has; a name that ends in ${ending(model)} is needed`,
    target,
  );
}

/** What a run's models are called in its folder, by the name of the model it began with. */
export function layersModelNames(model: string): { best: string; retrained: string } {
  if (isKeras(model))
    return { best: `best${ending(model)}`, retrained: `retrained${ending(model)}` };
  return { best: RUN_FILES.bestLayers, retrained: RUN_FILES.retrainedLayers };
}

function ending(name: string): string {
  return extname(name).toLowerCase();
}
