import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema } from "onnx-buf";
import { seededRandom } from "../../../../../src/data/random.ts";
import type { AttributeValue } from "../../../../../src/graph/attributes.ts";
import { GraphBuilder, makeValueInfo } from "../../../../../src/graph/builder.ts";
import { DataType } from "../../../../../src/graph/data-type.ts";
import type { Graph } from "../../../../../src/graph/graph.ts";
import { elementCount, float32Tensor } from "../../../../../src/graph/tensor.ts";

type Attributes = Readonly<Record<string, AttributeValue>>;

/** A graph under construction with weights that tell every element apart. */
export class CaseBuilder extends GraphBuilder {
  readonly #random = seededRandom(5);

  weight(...dims: number[]): string {
    const values = Float32Array.from({ length: elementCount(dims) }, () => this.draw());
    return this.addInitializer(float32Tensor(this.freshName("weight"), dims, values));
  }

  positive(...dims: number[]): string {
    const values = Float32Array.from({ length: elementCount(dims) }, () => 1 + this.draw());
    return this.addInitializer(float32Tensor(this.freshName("weight"), dims, values));
  }

  draw(): number {
    return this.#random.uniform() - 0.5;
  }

  op(opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.add(opType, inputs, { attributes });
  }
}

export interface NodeCase {
  readonly name: string;
  /** With the batch. */
  readonly input: readonly number[];
  readonly graph: Graph;
}

export function nodeCase(
  name: string,
  input: readonly number[],
  build: (builder: CaseBuilder, x: string) => string,
): NodeCase {
  const builder = new CaseBuilder(["x", "y"]);
  const made = build(builder, "x");
  const y = builder.add("Identity", [made], { stem: "result" });
  const info = makeValueInfo("x", DataType.FLOAT, ["N", ...input.slice(1)]);
  // Its shape is left to inference.
  const output = create(ValueInfoProtoSchema, { name: y });
  const graph = builder.build("case", [info], [output], 17);
  return { name, input, graph };
}

const ints = (...values: number[]) => ({ ints: values });
const image = [2, 4, 7, 6];

function conv(attributes: Attributes, dims: readonly number[]) {
  return (b: CaseBuilder, x: string) =>
    b.op("Conv", [x, b.weight(...dims), b.weight(dims[0] ?? 1)], attributes);
}

function pool(opType: string, attributes: Attributes) {
  return (b: CaseBuilder, x: string) => b.op(opType, [x], attributes);
}

/** Every operator that layers are written for, with what decides between two ways of writing it. */
export function nodeCases(): NodeCase[] {
  return [
    nodeCase("Conv without padding", image, conv({}, [5, 4, 3, 2])),
    nodeCase("Conv padded as same", image, conv({ pads: ints(1, 1, 1, 1) }, [5, 4, 3, 3])),
    nodeCase(
      "Conv with a stride and symmetric padding",
      image,
      conv({ pads: ints(1, 1, 1, 1), strides: ints(2, 2) }, [5, 4, 3, 3]),
    ),
    nodeCase("Conv with lopsided padding", image, conv({ pads: ints(2, 0, 1, 3) }, [5, 4, 3, 3])),
    nodeCase(
      "Conv with automatic padding",
      image,
      conv({ auto_pad: { string: "SAME_LOWER" }, strides: ints(2, 2) }, [5, 4, 3, 3]),
    ),
    nodeCase("Conv dilated", image, conv({ dilations: ints(2, 2) }, [5, 4, 3, 2])),
    nodeCase("Conv depthwise", image, conv({ group: { int: 4 } }, [8, 1, 3, 3])),
    nodeCase("Conv in groups", image, conv({ group: { int: 2 } }, [6, 2, 3, 3])),
    nodeCase(
      "Conv of sequences, padded and strided",
      [2, 4, 9],
      conv({ pads: ints(1, 1), strides: ints(2) }, [5, 4, 3]),
    ),
    nodeCase("Conv of volumes", [1, 2, 5, 4, 6], conv({}, [3, 2, 2, 3, 2])),
    nodeCase("ConvTranspose", image, (b, x) =>
      b.op("ConvTranspose", [x, b.weight(4, 5, 2, 3), b.weight(5)], { strides: ints(2, 2) }),
    ),
    nodeCase("ConvTranspose padded", image, (b, x) =>
      b.op("ConvTranspose", [x, b.weight(4, 5, 3, 3)], {
        strides: ints(2, 2),
        pads: ints(1, 1, 1, 1),
        output_padding: ints(1, 1),
      }),
    ),
    nodeCase("ConvTranspose in groups", image, (b, x) =>
      b.op("ConvTranspose", [x, b.weight(4, 3, 3, 3)], {
        group: { int: 2 },
        pads: ints(0, 1, 1, 0),
      }),
    ),
    nodeCase("Gemm with factors and transB", [3, 5], (b, x) =>
      b.op("Gemm", [x, b.weight(4, 5), b.weight(4)], {
        transB: { int: 1 },
        alpha: { float: 0.5 },
        beta: { float: 2 },
      }),
    ),
    nodeCase("MatMul and Add over the last axis", [2, 3, 5], (b, x) =>
      b.op("Add", [b.weight(4), b.op("MatMul", [x, b.weight(5, 4)])]),
    ),
    nodeCase("Flatten behind an image, Gemm", image, (b, x) => {
      const c = b.op("Relu", [b.op("Conv", [x, b.weight(5, 4, 3, 3)])]);
      const flat = b.op("Relu", [b.op("Flatten", [c])]);
      return b.op("Gemm", [flat, b.weight(100, 3), b.weight(3)]);
    }),
    nodeCase("Flatten behind an image, read as it is", image, (b, x) =>
      b.op("Flatten", [b.op("Conv", [x, b.weight(5, 4, 3, 3)])]),
    ),
    nodeCase("BatchNormalization", image, (b, x) =>
      b.op("BatchNormalization", [x, b.positive(4), b.weight(4), b.weight(4), b.positive(4)]),
    ),
    nodeCase("BatchNormalization of features", [3, 4], (b, x) =>
      b.op("BatchNormalization", [x, b.positive(4), b.weight(4), b.weight(4), b.positive(4)], {
        epsilon: { float: 0.01 },
      }),
    ),
    nodeCase("LayerNormalization", [2, 3, 5], (b, x) =>
      b.op("LayerNormalization", [x, b.positive(5), b.weight(5)], { axis: { int: -1 } }),
    ),
    nodeCase("MaxPool", image, pool("MaxPool", { kernel_shape: ints(2, 2), strides: ints(2, 2) })),
    nodeCase(
      "MaxPool padded, of negative numbers",
      image,
      pool("MaxPool", { kernel_shape: ints(3, 3), strides: ints(2, 2), pads: ints(1, 1, 1, 1) }),
    ),
    nodeCase("MaxPool padded behind Relu", image, (b, x) =>
      b.op("MaxPool", [b.op("Relu", [x])], {
        kernel_shape: ints(3, 3),
        strides: ints(2, 2),
        pads: ints(1, 1, 1, 1),
      }),
    ),
    nodeCase(
      "MaxPool rounded up",
      image,
      pool("MaxPool", { kernel_shape: ints(2, 2), strides: ints(2, 2), ceil_mode: { int: 1 } }),
    ),
    nodeCase(
      "AveragePool that leaves padding out",
      image,
      pool("AveragePool", {
        kernel_shape: ints(3, 3),
        strides: ints(2, 2),
        pads: ints(1, 1, 1, 1),
      }),
    ),
    nodeCase(
      "AveragePool that counts padding",
      image,
      pool("AveragePool", {
        kernel_shape: ints(3, 3),
        pads: ints(1, 1, 1, 1),
        count_include_pad: { int: 1 },
      }),
    ),
    nodeCase("GlobalAveragePool", image, (b, x) => b.op("GlobalAveragePool", [x])),
    nodeCase("GlobalMaxPool of sequences", [2, 4, 9], (b, x) => b.op("GlobalMaxPool", [x])),
    nodeCase("ReduceMean over channels", image, (b, x) =>
      b.op("ReduceMean", [x], { axes: ints(1), keepdims: { int: 1 } }),
    ),
    nodeCase("ReduceSum over positions", image, (b, x) =>
      b.op("ReduceSum", [x, b.ints([2, 3])], { keepdims: { int: 0 } }),
    ),
    nodeCase("squeeze and excite", image, (b, x) => {
      const pooled = b.op("GlobalAveragePool", [x]);
      const gate = b.op("Sigmoid", [b.op("Conv", [pooled, b.weight(4, 4, 1, 1)])]);
      return b.op("Mul", [gate, x]);
    }),
    ...activationCases(),
    ...arithmeticCases(),
    ...movementCases(),
  ];
}

function activationCases(): NodeCase[] {
  const plain = [
    "Relu",
    "Sigmoid",
    "Tanh",
    "Selu",
    "Softplus",
    "Softsign",
    "HardSwish",
    "Abs",
    "Neg",
  ];
  return [
    ...plain.map((opType) => nodeCase(opType, [3, 5], (b, x) => b.op(opType, [x]))),
    nodeCase("LeakyRelu", [3, 5], (b, x) => b.op("LeakyRelu", [x], { alpha: { float: 0.1 } })),
    nodeCase("Elu", [3, 5], (b, x) => b.op("Elu", [x], { alpha: { float: 0.7 } })),
    nodeCase("PRelu by channel", image, (b, x) => b.op("PRelu", [x, b.weight(4, 1, 1)])),
    nodeCase("HardSigmoid", [3, 5], (b, x) =>
      b.op("HardSigmoid", [x], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }),
    ),
    nodeCase("Clip at both ends", [3, 5], (b, x) =>
      b.op("Clip", [x, b.scalar(-0.3), b.scalar(0.4)]),
    ),
    nodeCase("Clip above", [3, 5], (b, x) => b.op("Clip", [x, "", b.scalar(0.2)])),
    nodeCase("Softmax over channels", image, (b, x) => b.op("Softmax", [x], { axis: { int: 1 } })),
    nodeCase("LogSoftmax", [3, 5], (b, x) => b.op("LogSoftmax", [x], { axis: { int: 1 } })),
    nodeCase("GELU from Erf", [3, 5], (b, x) => {
      const erf = b.op("Erf", [b.op("Div", [x, b.scalar(Math.SQRT2)])]);
      const gated = b.op("Mul", [x, b.op("Add", [erf, b.scalar(1)])]);
      return b.op("Mul", [gated, b.scalar(0.5)]);
    }),
    nodeCase("GELU with its half first", [3, 5], (b, x) => {
      const erf = b.op("Erf", [b.op("Mul", [x, b.scalar(Math.SQRT1_2)])]);
      const half = b.op("Mul", [x, b.scalar(0.5)]);
      return b.op("Mul", [half, b.op("Add", [erf, b.scalar(1)])]);
    }),
  ];
}

function arithmeticCases(): NodeCase[] {
  return [
    nodeCase("numbers on both sides", [3, 5], (b, x) => {
      const less = b.op("Sub", [b.scalar(1), x]);
      return b.op("Div", [b.op("Mul", [less, b.scalar(3)]), b.scalar(7)]);
    }),
    nodeCase("a scale for each channel", image, (b, x) => b.op("Mul", [b.weight(4, 1, 1), x])),
    nodeCase("an offset for each place", [2, 3, 5], (b, x) => b.op("Add", [x, b.weight(1, 3, 5)])),
    nodeCase("Sub of an image and its channels' means", image, (b, x) =>
      b.op("Sub", [x, b.op("GlobalAveragePool", [x])]),
    ),
    nodeCase("Max of three", image, (b, x) =>
      b.op("Max", [b.op("Tanh", [x]), b.op("Neg", [x]), b.op("Sigmoid", [x])]),
    ),
    nodeCase("Pow", [3, 5], (b, x) => b.op("Pow", [x, b.scalar(3)])),
    nodeCase("Mean", [3, 5], (b, x) => b.op("Mean", [x, b.op("Neg", [b.op("Tanh", [x])])])),
  ];
}

function movementCases(): NodeCase[] {
  return [
    nodeCase("Transpose", [2, 3, 4, 5], (b, x) =>
      b.op("Transpose", [x], { perm: ints(0, 3, 1, 2) }),
    ),
    nodeCase("channel shuffle", image, (b, x) => {
      const apart = b.op("Reshape", [b.op("Relu", [x]), b.ints([0, 2, 2, 7, 6])]);
      const turned = b.op("Transpose", [apart], { perm: ints(0, 2, 1, 3, 4) });
      return b.op("Reshape", [turned, b.ints([0, 4, 7, 6])]);
    }),
    nodeCase("Concat along channels and positions", image, (b, x) => {
      const wide = b.op("Concat", [x, b.op("Relu", [x])], { axis: { int: 1 } });
      return b.op("Concat", [wide, b.op("Neg", [wide])], { axis: { int: 2 } });
    }),
    nodeCase("Split of channels", image, (b, x) => {
      const [one = "", two = ""] = b.addMany("Split", [x, b.ints([1, 3])], 2, {
        attributes: { axis: { int: 1 } },
      });
      return b.op("Concat", [two, one], { axis: { int: 1 } });
    }),
    nodeCase("Slice of features", [3, 8], (b, x) =>
      b.op("Slice", [x, b.ints([2]), b.ints([-1]), b.ints([1])]),
    ),
    nodeCase("Slice of positions", image, (b, x) =>
      b.op("Slice", [x, b.ints([1, 0]), b.ints([6, 4]), b.ints([2, 3])]),
    ),
    nodeCase("the last step of a sequence", [2, 6, 5], (b, x) => {
      const last = b.addInitializer(int64Scalar(b.freshName("last"), -1));
      return b.op("Gather", [x, last], { axis: { int: 1 } });
    }),
    nodeCase("Unsqueeze and Squeeze", [2, 3, 5], (b, x) => {
      const more = b.op("Relu", [b.op("Unsqueeze", [x, b.ints([1, 3])])]);
      return b.op("Squeeze", [more, b.ints([3])]);
    }),
    nodeCase("Pad", image, (b, x) => b.op("Pad", [x, b.ints([0, 0, 1, 0, 0, 0, 2, 3])])),
    nodeCase("Resize nearest", image, (b, x) =>
      b.op("Resize", [x, "", b.addInitializer(float32Tensor("scales", [4], [1, 1, 2, 3]))], {
        mode: { string: "nearest" },
        coordinate_transformation_mode: { string: "asymmetric" },
        nearest_mode: { string: "floor" },
      }),
    ),
    nodeCase("Resize nearest, from the centres", image, (b, x) =>
      b.op("Resize", [x, "", b.addInitializer(float32Tensor("scales", [4], [1, 1, 2, 3]))], {
        mode: { string: "nearest" },
      }),
    ),
    nodeCase("Dropout", [3, 5], (b, x) => b.op("Dropout", [x, b.scalar(0.3)])),
    nodeCase("Reshape to rows", [2, 12], (b, x) => b.op("Reshape", [x, b.ints([-1, 3, 4])])),
  ];
}

function int64Scalar(name: string, value: number) {
  return {
    ...float32Tensor(name, [], [0]),
    dataType: DataType.INT64,
    data: {
      encoding: "memory" as const,
      byteLength: 8,
      read: () => new Uint8Array(BigInt64Array.of(BigInt(value)).buffer),
    },
  };
}
