import { join } from "node:path";
import { readModel } from "../../../src/formats/onnx/read.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { FIXTURES } from "../../support/repository.ts";
import { convModel, randomConfiguration } from "../passes/conv-models.ts";

export function fixture(name: string): Promise<Graph> {
  return readModel(join(FIXTURES, `${name}.onnx`));
}

/** Conv conv → BatchNorm bn with two output channels and the given values of one parameter. */
export function withParameter(name: string, values: readonly number[]): Graph {
  const shape = { groups: 1, outputsPerGroup: 2, epsilon: 1e-5, bias: false };
  const model = convModel({ ...randomConfiguration(1), ...shape });
  const tensor = float32Tensor(name, [2], values);
  return { ...model, initializers: new Map(model.initializers).set(name, tensor) };
}
