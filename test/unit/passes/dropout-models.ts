import { makeNode, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph, Node } from "../../../src/graph/graph.ts";
import { STANDARD_DOMAIN } from "../../../src/graph/graph.ts";
import { float32Tensor, memoryTensor, type Tensor } from "../../../src/graph/tensor.ts";
import { numbers } from "../operators/step-harness.ts";

export interface ModelOptions {
  readonly opset?: number;
  readonly inputs?: Readonly<Record<string, readonly (number | string)[]>>;
  readonly outputs?: Readonly<Record<string, readonly (number | string)[]>>;
  readonly tensors?: readonly Tensor[];
}

/** A model of these nodes; by default from x [N, 4] to y [N, 3]. */
export function modelOf(nodes: readonly Node[], options: ModelOptions = {}): Graph {
  const infos = (values: Readonly<Record<string, readonly (number | string)[]>>) =>
    Object.entries(values).map(([name, shape]) => makeValueInfo(name, DataType.FLOAT, shape));
  return {
    name: "model",
    nodes,
    initializers: new Map((options.tensors ?? []).map((tensor) => [tensor.name, tensor])),
    inputs: infos(options.inputs ?? { x: ["N", 4] }),
    outputs: infos(options.outputs ?? { y: ["N", 3] }),
    valueInfo: [],
    functions: [],
    opsets: new Map([[STANDARD_DOMAIN, options.opset ?? 17]]),
    irVersion: 8,
    producer: "",
    source: { format: "memory" },
  };
}

/** A float32 tensor of numbers that look random. */
export function weights(name: string, dims: readonly number[], seed = 1): Tensor {
  return float32Tensor(name, dims, Float32Array.from(numbers(dims, seed).data));
}

export function scalar(name: string, value: number): Tensor {
  return float32Tensor(name, [], [value]);
}

export function truth(name: string, value: boolean): Tensor {
  return memoryTensor(name, [], DataType.BOOL, Uint8Array.of(value ? 1 : 0));
}

export function named(
  opType: string,
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Parameters<typeof makeNode>[3] = {},
): Node {
  return makeNode(opType, inputs, outputs, { name, ...attributes });
}

/** x → Gemm fc1 (4→5) → the nodes given → Gemm fc2 (5→3) → y. */
export function twoLayers(middle: readonly Node[], last: string, opset = 17): Graph {
  return modelOf(
    [
      named("Gemm", "fc1", ["x", "w1", "b1"], ["h"]),
      ...middle,
      named("Gemm", "fc2", [last, "w2", "b2"], ["y"]),
    ],
    {
      opset,
      tensors: [
        weights("w1", [4, 5]),
        weights("b1", [5], 2),
        weights("w2", [5, 3], 3),
        weights("b2", [3], 4),
      ],
    },
  );
}
