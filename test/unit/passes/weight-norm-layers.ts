import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { roundedTensor } from "../../../src/graph/numbers.ts";
import { numbers } from "../operators/step-harness.ts";

export const KEEP = { start: "keep" };

export interface LayerOptions {
  readonly opType: string;
  readonly input: readonly (number | string)[];
  readonly weight: readonly number[];
  readonly attributes?: Parameters<GraphBuilder["add"]>[2];
  readonly output: readonly (number | string)[];
  readonly dataType?: DataType;
  readonly opset?: number;
  readonly left?: boolean;
}

/** x → one layer with weight w → y. */
export function layerModel(options: LayerOptions, values?: ArrayLike<number>): Graph {
  const { opType, weight, attributes, dataType = DataType.FLOAT } = options;
  const builder = new GraphBuilder(["x", "y"]);
  const data = Float64Array.from(values ?? numbers(weight, 3).data);
  builder.addInitializer(roundedTensor("w", weight, dataType, data));
  const inputs = options.left ? ["w", "x"] : ["x", "w"];
  const output = builder.add(opType, inputs, { name: "layer", stem: "out", ...attributes });
  return builder.build(
    "model",
    [makeValueInfo("x", dataType, options.input)],
    [makeValueInfo(output, dataType, options.output)],
    options.opset ?? 17,
  );
}

const group = (size: number) => ({ attributes: { group: { int: size } } });

export const LAYERS: readonly (LayerOptions & {
  readonly name: string;
  readonly g: readonly number[];
})[] = [
  {
    name: "Conv",
    opType: "Conv",
    input: [1, 4, 5, 5],
    weight: [6, 4, 3, 3],
    output: [1, 6, 3, 3],
    g: [6, 1, 1, 1],
  },
  {
    name: "grouped Conv",
    opType: "Conv",
    input: [1, 4, 5, 5],
    weight: [6, 2, 3, 3],
    attributes: group(2),
    output: [1, 6, 3, 3],
    g: [6, 1, 1, 1],
  },
  {
    name: "Conv of one dimension",
    opType: "Conv",
    input: [1, 4, 5],
    weight: [6, 4, 3],
    output: [1, 6, 3],
    g: [6, 1, 1],
  },
  {
    name: "ConvTranspose",
    opType: "ConvTranspose",
    input: [1, 4, 3, 3],
    weight: [4, 6, 2, 2],
    output: [1, 6, 4, 4],
    g: [1, 6, 1, 1],
  },
  {
    name: "grouped ConvTranspose",
    opType: "ConvTranspose",
    input: [1, 4, 3, 3],
    weight: [4, 3, 2, 2],
    attributes: group(2),
    output: [1, 6, 4, 4],
    g: [2, 1, 3, 1, 1],
  },
  { name: "Gemm", opType: "Gemm", input: [2, 4], weight: [4, 3], output: [2, 3], g: [1, 3] },
  {
    name: "Gemm with transB",
    opType: "Gemm",
    input: [2, 4],
    weight: [3, 4],
    attributes: { attributes: { transB: { int: 1 } } },
    output: [2, 3],
    g: [3, 1],
  },
  {
    name: "MatMul",
    opType: "MatMul",
    input: [2, 5, 4],
    weight: [4, 3],
    output: [2, 5, 3],
    g: [1, 3],
  },
  {
    name: "MatMul of a stack",
    opType: "MatMul",
    input: [2, 5, 4],
    weight: [2, 4, 3],
    output: [2, 5, 3],
    g: [2, 1, 3],
  },
  {
    name: "MatMul with its weight on the left",
    opType: "MatMul",
    input: [2, 4, 5],
    weight: [3, 4],
    output: [2, 3, 5],
    left: true,
    g: [3, 1],
  },
  {
    name: "MatMul of operator set 7",
    opType: "MatMul",
    input: [2, 4],
    weight: [4, 3],
    output: [2, 3],
    opset: 7,
    g: [1, 3],
  },
  {
    name: "Gemm of operator set 20",
    opType: "Gemm",
    input: [2, 4],
    weight: [4, 3],
    output: [2, 3],
    opset: 20,
    g: [1, 3],
  },
  {
    name: "Gemm in float64",
    opType: "Gemm",
    input: [2, 4],
    weight: [4, 3],
    output: [2, 3],
    dataType: DataType.DOUBLE,
    g: [1, 3],
  },
  {
    name: "Gemm in float16",
    opType: "Gemm",
    input: [2, 4],
    weight: [4, 3],
    output: [2, 3],
    dataType: DataType.FLOAT16,
    g: [1, 3],
  },
];
