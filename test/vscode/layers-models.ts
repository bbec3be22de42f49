import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { layers, save, scramble } from "../unit/formats/tfjs/tfjs-models.ts";
import type { WorkspaceFiles } from "./harness/workspace.ts";

const { layers: make } = layers;

/** A small network for images whose two BatchNorms fold. */
export function layersNetwork(): layers.LayersModel {
  const model = layers.sequential({ name: "small" });
  model.add(make.conv2d({ filters: 6, kernelSize: 3, inputShape: [8, 8, 3], name: "conv_1" }));
  model.add(make.batchNormalization({ name: "bn_1" }));
  model.add(make.reLU({ name: "relu_1" }));
  model.add(make.flatten({ name: "flat" }));
  model.add(make.dense({ units: 5, name: "dense_1" }));
  model.add(make.batchNormalization({ name: "bn_2" }));
  scramble(model);
  return model;
}

/** One that learns the digits within an epoch or two. */
export function digitsNetwork(): layers.LayersModel {
  const model = layers.sequential({ name: "digits" });
  model.add(make.conv2d({ filters: 8, kernelSize: 3, inputShape: [8, 8, 1], name: "conv_1" }));
  model.add(make.batchNormalization({ name: "bn_1" }));
  model.add(make.reLU({ name: "relu_1" }));
  model.add(make.flatten({ name: "flat" }));
  model.add(make.dense({ units: 10, activation: "softmax", name: "classes" }));
  scramble(model);
  return model;
}

/** model.json and its weights, as TensorFlow.js saves them, for a workspace or a folder of it. */
export async function layersFiles(model = layersNetwork(), folder = ""): Promise<WorkspaceFiles> {
  const file = await save(model);
  const text = await readFile(file, "utf8");
  const files: WorkspaceFiles = { [join(folder, "model.json")]: text };
  for (const { paths } of JSON.parse(text).weightsManifest) {
    for (const path of paths) files[join(folder, path)] = { copyOf: join(dirname(file), path) };
  }
  return files;
}
