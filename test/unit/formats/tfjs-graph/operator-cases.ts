import {
  type Attributes,
  flag,
  float,
  type GraphFile,
  int,
  ints,
  text,
  texts,
  type,
} from "./graph-file.ts";

export interface OperatorCase {
  readonly name: string;
  /** The input's shape, with a batch of 2. */
  readonly input: readonly number[];
  /** Puts nodes behind the input and names the outputs. */
  build(file: GraphFile, x: string): string[];
}

export const IMAGE = [2, 6, 7, 4];
const ONES = { strides: ints(1, 1, 1, 1), dilations: ints(1, 1, 1, 1), padding: text("SAME") };

export function convolution(
  file: GraphFile,
  x: string,
  attributes: Attributes = {},
  channels = 5,
): string {
  const filter = file.weight("filter", [3, 3, 4, channels]);
  return file.node("conv", "Conv2D", [x, filter], { ...ONES, ...attributes });
}

export function one(
  name: string,
  input: readonly number[],
  build: OperatorCase["build"],
): OperatorCase {
  return { name, input, build };
}

/** An operator of one operand, on an image whose channels the convolution before it moved. */
export function unary(op: string, attributes: Attributes = {}): OperatorCase {
  const positive = ["Sqrt", "Rsqrt", "Log", "Reciprocal"].includes(op);
  return one(op, IMAGE, (file, x) => {
    let value = convolution(file, x);
    if (positive) {
      const size = file.node("size", "Abs", [value]);
      value = file.node("positive", "AddV2", [size, file.number("half", 0.5)]);
    }
    return [file.node("y", op, [value], attributes)];
  });
}

function binary(op: string): OperatorCase[] {
  const positive = op === "Pow";
  const left = (file: GraphFile, x: string) => {
    const value = convolution(file, x);
    return positive ? file.node("size", "Abs", [value]) : value;
  };
  return [
    one(`${op} with numbers for each channel`, IMAGE, (file, x) => [
      file.node("y", op, [left(file, x), file.weight("b", [5], 0.5)]),
    ]),
    one(`${op} of two values`, IMAGE, (file, x) => {
      const a = left(file, x);
      const b = file.node("b", "Sigmoid", [a]);
      return [file.node("y", op, [a, b])];
    }),
  ];
}

function reduction(op: string, axes: number[], keep: boolean): OperatorCase {
  return one(`${op} over [${axes}]${keep ? ", keeping them" : ""}`, IMAGE, (file, x) => [
    file.node("y", op, [convolution(file, x), file.list("axes", axes)], { keep_dims: flag(keep) }),
  ]);
}

function resizing(op: string, sizes: number[], attributes: Attributes): OperatorCase {
  return one(`${op} to ${sizes} with ${Object.keys(attributes)}`, IMAGE, (file, x) => [
    file.node("y", op, [convolution(file, x), file.list("size", sizes)], attributes),
  ]);
}

const convolutions: OperatorCase[] = [
  one("Conv2D, strides 2, SAME", IMAGE, (f, x) => [
    convolution(f, x, { strides: ints(1, 2, 2, 1) }),
  ]),
  one("Conv2D, VALID, dilated", IMAGE, (f, x) => [
    convolution(f, x, { padding: text("VALID"), dilations: ints(1, 2, 2, 1) }),
  ]),
  one("Conv2D, EXPLICIT", IMAGE, (f, x) => [
    convolution(f, x, {
      padding: text("EXPLICIT"),
      explicit_paddings: ints(0, 0, 1, 2, 0, 1, 0, 0),
    }),
  ]),
  one("DepthwiseConv2dNative", IMAGE, (f, x) => [
    f.node("y", "DepthwiseConv2dNative", [x, f.weight("filter", [3, 3, 4, 2])], ONES),
  ]),
  ...["BiasAdd", "AddV2"].map((op) =>
    one(`Conv2D and ${op}`, IMAGE, (f, x) => [
      f.node("y", op, [convolution(f, x), f.weight("bias", [5])]),
    ]),
  ),
  ...["Relu", "Relu6", "Elu", "Sigmoid", "LeakyRelu", undefined].map((activation) =>
    one(`_FusedConv2D with ${activation}`, IMAGE, (f, x) => [
      f.node("y", "_FusedConv2D", [x, f.weight("filter", [3, 3, 4, 5]), f.weight("bias", [5])], {
        ...ONES,
        num_args: int(1),
        leakyrelu_alpha: float(0.3),
        fused_ops: texts("BiasAdd", ...(activation === undefined ? [] : [activation])),
      }),
    ]),
  ),
  one("_FusedConv2D with Prelu", IMAGE, (f, x) => [
    f.node(
      "y",
      "_FusedConv2D",
      [x, f.weight("filter", [3, 3, 4, 5]), f.weight("bias", [5]), f.weight("slope", [1, 1, 5])],
      { ...ONES, num_args: int(2), fused_ops: texts("BiasAdd", "Prelu") },
    ),
  ]),
  one("FusedDepthwiseConv2dNative", IMAGE, (f, x) => [
    f.node(
      "y",
      "FusedDepthwiseConv2dNative",
      [x, f.weight("filter", [3, 3, 4, 1]), f.weight("bias", [4])],
      { ...ONES, num_args: int(1), fused_ops: texts("BiasAdd", "Relu6") },
    ),
  ]),
  ...["SAME", "VALID"].map((padding) =>
    one(`Conv2DBackpropInput, ${padding}`, IMAGE, (f, x) => {
      const sizes = padding === "SAME" ? [2, 12, 13, 3] : [2, 13, 15, 3];
      const value = f.node(
        "y",
        "Conv2DBackpropInput",
        [f.list("sizes", sizes), f.weight("filter", [3, 3, 3, 4]), x],
        { strides: ints(1, 2, 2, 1), padding: text(padding) },
      );
      return [f.node("z", "BiasAdd", [value, f.weight("bias", [3])])];
    }),
  ),
];

const products: OperatorCase[] = [
  one("MatMul", [2, 5], (f, x) => [f.node("y", "MatMul", [x, f.weight("w", [5, 3])])]),
  one("MatMul, transposed", [2, 5], (f, x) => [
    f.node("y", "MatMul", [x, f.weight("w", [3, 5])], { transpose_b: flag(true) }),
  ]),
  one("MatMul and BiasAdd", [2, 5], (f, x) => [
    f.node("y", "BiasAdd", [f.node("p", "MatMul", [x, f.weight("w", [5, 3])]), f.weight("b", [3])]),
  ]),
  one("_FusedMatMul", [2, 5], (f, x) => [
    f.node("y", "_FusedMatMul", [x, f.weight("w", [5, 3]), f.weight("b", [3])], {
      num_args: int(1),
      fused_ops: texts("BiasAdd", "Relu"),
    }),
  ]),
  one("BatchMatMulV2 of a value with itself", [2, 4, 3], (f, x) => [
    f.node("y", "BatchMatMulV2", [x, x], { adj_y: flag(true) }),
  ]),
];

const normalizations = ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"].map((op) =>
  one(op, IMAGE, (f, x) => [
    f.node(
      "y",
      op,
      [
        convolution(f, x),
        f.weight("gamma", [5], 0.5),
        f.weight("beta", [5]),
        f.weight("mean", [5]),
        f.weight("variance", [5], 0.5),
      ],
      { epsilon: float(0.01), is_training: flag(false) },
    ),
  ]),
);

const pools = ["MaxPool", "AvgPool"].flatMap((op) =>
  ["SAME", "VALID"].map((padding) =>
    one(`${op}, ${padding}`, IMAGE, (f, x) => [
      f.node("y", op, [convolution(f, x)], {
        ksize: ints(1, 3, 2, 1),
        strides: ints(1, 2, 2, 1),
        padding: text(padding),
      }),
    ]),
  ),
);

const shapes: OperatorCase[] = [
  one("Reshape behind a convolution", IMAGE, (f, x) => [
    f.node("y", "Reshape", [convolution(f, x), f.list("shape", [-1, 210])]),
  ]),
  one("Reshape by computed sizes", IMAGE, (f, x) => {
    const y = convolution(f, x);
    const all = f.node("all", "Shape", [y], { out_type: type("DT_INT32") });
    const batch = f.node(
      "batch",
      "StridedSlice",
      [all, f.list("b", [0]), f.list("e", [1]), f.list("s", [1])],
      {
        shrink_axis_mask: int(1),
      },
    );
    const target = f.node(
      "target",
      "Pack",
      [batch, f.list("rest", [42], []), f.list("c", [5], [])],
      { N: int(3) },
    );
    return [f.node("y", "Reshape", [y, target])];
  }),
  one("Reshape by two open sizes", [2, 3, 4], (f, x) => {
    const all = f.node("all", "Shape", [x], { out_type: type("DT_INT32") });
    const turned = f.node("turned", "GatherV2", [
      all,
      f.list("order", [1, 0, 2]),
      f.list("axis", [0], []),
    ]);
    return [f.node("y", "Reshape", [x, turned])];
  }),
  one("Squeeze", [2, 1, 4, 1], (f, x) => [
    f.node("y", "Squeeze", [x], { squeeze_dims: ints(1, 3) }),
  ]),
  one("ExpandDims", [2, 4], (f, x) => [f.node("y", "ExpandDims", [x, f.list("axis", [-1], [])])]),
  one("Transpose", IMAGE, (f, x) => [
    f.node("y", "Transpose", [convolution(f, x), f.list("perm", [0, 3, 1, 2])]),
  ]),
  one("ConcatV2", IMAGE, (f, x) => {
    const y = convolution(f, x);
    return [
      f.node("z", "ConcatV2", [y, f.node("r", "Relu", [y]), x, f.list("axis", [3], [])], {
        N: int(3),
      }),
    ];
  }),
  one("Split", IMAGE, (f, x) => {
    f.node("y", "Split", [f.list("axis", [3], []), f.node("r", "Relu", [x])], {
      num_split: int(2),
    });
    return ["y", "y:1"];
  }),
  one("SplitV", IMAGE, (f, x) => {
    const sizes = f.list("sizes", [1, -1]);
    f.node("y", "SplitV", [convolution(f, x), sizes, f.list("axis", [-1], [])], {
      num_split: int(2),
    });
    return ["y", "y:1"];
  }),
  one("StridedSlice", IMAGE, (f, x) => [
    f.node(
      "y",
      "StridedSlice",
      [
        convolution(f, x),
        f.list("b", [0, 1, -1, 0]),
        f.list("e", [0, 5, 0, 2]),
        f.list("s", [1, 2, -2, 1]),
      ],
      {
        begin_mask: int(1),
        end_mask: int(1),
        shrink_axis_mask: int(0),
      },
    ),
  ]),
  one("StridedSlice that takes an axis away", [2, 5, 3], (f, x) => [
    f.node(
      "y",
      "StridedSlice",
      [x, f.list("b", [0, -1]), f.list("e", [0, 0]), f.list("s", [1, 1])],
      {
        begin_mask: int(1),
        end_mask: int(1),
        shrink_axis_mask: int(2),
      },
    ),
  ]),
  one("Slice", IMAGE, (f, x) => [
    f.node("y", "Slice", [
      convolution(f, x),
      f.list("b", [0, 1, 2, 0]),
      f.list("n", [-1, 3, -1, 4]),
    ]),
  ]),
  one("Pad", IMAGE, (f, x) => [
    f.node("y", "Pad", [convolution(f, x), f.list("p", [0, 0, 1, 2, 0, 1, 0, 3], [4, 2])]),
  ]),
  one("PadV2", IMAGE, (f, x) => [
    f.node("y", "PadV2", [
      convolution(f, x),
      f.list("p", [0, 0, 1, 2, 0, 1, 0, 0], [4, 2]),
      f.number("v", 0.7),
    ]),
  ]),
  one("MirrorPad", IMAGE, (f, x) => [
    f.node("y", "MirrorPad", [convolution(f, x), f.list("p", [0, 0, 1, 2, 0, 1, 0, 0], [4, 2])], {
      mode: text("REFLECT"),
    }),
  ]),
  one("Pack and Unpack", [2, 3, 4], (f, x) => {
    const packed = f.node("packed", "Pack", [x, f.node("t", "Tanh", [x])], { axis: int(1) });
    f.node("y", "Unpack", [packed], { axis: int(1), num: int(2) });
    return ["y", "y:1"];
  }),
  one("GatherV2", IMAGE, (f, x) => [
    f.node("y", "GatherV2", [convolution(f, x), f.list("i", [4, 0, 2]), f.list("axis", [3], [])]),
  ]),
  one("Tile", [2, 3], (f, x) => [f.node("y", "Tile", [x, f.list("n", [1, 2])])]),
  one("Fill and Range", [2, 3], (f, x) => {
    const ones = f.node("ones", "Fill", [f.list("dims", [2, 3]), f.number("v", 1.5)]);
    const steps = f.node("steps", "Range", [f.number("a", 0), f.number("b", 3), f.number("c", 1)]);
    return [f.node("y", "Mul", [f.node("s", "AddV2", [x, ones]), steps])];
  }),
  one("ArgMax and Cast", [2, 6], (f, x) => {
    const best = f.node("best", "ArgMax", [x, f.list("axis", [-1], [])], {
      output_type: type("DT_INT32"),
    });
    return [f.node("y", "Cast", [best], { SrcT: type("DT_INT32"), DstT: type("DT_FLOAT") })];
  }),
  one("SelectV2", IMAGE, (f, x) => {
    const y = convolution(f, x);
    const positive = f.node("positive", "Greater", [y, f.number("zero", 0)]);
    return [f.node("z", "SelectV2", [positive, y, f.node("t", "Neg", [y])])];
  }),
  one("Identity, IdentityN and StopGradient", IMAGE, (f, x) => {
    const y = f.node("i", "Identity", [convolution(f, x)]);
    f.node("n", "IdentityN", [y, x]);
    return [f.node("s", "StopGradient", ["n:1"]), f.node("t", "Identity", ["n"])];
  }),
  one("Prelu", IMAGE, (f, x) => [
    f.node("y", "Prelu", [convolution(f, x), f.weight("a", [1, 1, 5])]),
  ]),
  one("Softmax behind a convolution", IMAGE, (f, x) => [
    f.node("y", "Softmax", [convolution(f, x)]),
  ]),
];

/** Every operator that is read, in the company that its layout depends on. */
export const operatorCases: readonly OperatorCase[] = [
  ...convolutions,
  ...products,
  ...normalizations,
  ...["Relu", "Relu6", "Elu", "Selu", "Sigmoid", "Tanh", "Softplus", "Sqrt", "Rsqrt", "Square"].map(
    (op) => unary(op),
  ),
  ...["Neg", "Exp", "Log", "Abs", "Floor", "Reciprocal", "Erf"].map((op) => unary(op)),
  unary("LeakyRelu", { alpha: float(0.1) }),
  ...[
    "Mul",
    "Add",
    "AddV2",
    "Sub",
    "RealDiv",
    "Maximum",
    "Minimum",
    "Pow",
    "SquaredDifference",
  ].flatMap(binary),
  ...pools,
  reduction("Mean", [1, 2], false),
  reduction("Mean", [1, 2], true),
  reduction("Sum", [3], false),
  reduction("Max", [-1], true),
  reduction("Min", [2], false),
  reduction("Prod", [3], false),
  resizing("ResizeBilinear", [12, 14], { half_pixel_centers: flag(true) }),
  resizing("ResizeBilinear", [11, 9], { align_corners: flag(true) }),
  resizing("ResizeBilinear", [5, 9], {}),
  resizing("ResizeNearestNeighbor", [12, 14], {}),
  resizing("ResizeNearestNeighbor", [11, 9], { half_pixel_centers: flag(true) }),
  ...shapes,
];
