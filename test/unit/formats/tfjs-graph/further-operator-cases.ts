import { type Attributes, flag, float, int, ints, text, texts, type } from "./graph-file.ts";
import { convolution, IMAGE, type OperatorCase, one, unary } from "./operator-cases.ts";

/** A slice by lists of bounds and steps, with masks. */
function stridedSlice(masks: Attributes, begin: number[], end: number[], steps: number[]) {
  const named = Object.keys(masks).join(" and ");
  return one(`StridedSlice with ${named}`, IMAGE, (f, x) => [
    f.node(
      "y",
      "StridedSlice",
      [convolution(f, x), f.list("b", begin), f.list("e", end), f.list("s", steps)],
      masks,
    ),
  ]);
}

const slices: OperatorCase[] = [
  stridedSlice({ ellipsis_mask: int(1) }, [0, 1], [0, 3], [1, 1]),
  stridedSlice(
    { ellipsis_mask: int(2), new_axis_mask: int(1), shrink_axis_mask: int(4) },
    [0, 0, -1],
    [0, 0, 0],
    [1, 1, 1],
  ),
  stridedSlice(
    { shrink_axis_mask: int(2), new_axis_mask: int(4), begin_mask: int(1), end_mask: int(1) },
    [0, 2, 0, -4],
    [0, 0, 0, 5],
    [1, 1, 1, 1],
  ),
];

const positions: OperatorCase[] = [
  one("TopKV2", [2, 6], (f, x) => {
    f.node("top", "TopKV2", [x, f.list("k", [3], [])], { sorted: flag(true) });
    const places = f.node("places", "Cast", ["top:1"], {
      SrcT: type("DT_INT32"),
      DstT: type("DT_FLOAT"),
    });
    return ["top", places];
  }),
  one("OneHot of positions, some outside", [2, 6], (f, x) => {
    const best = f.node("best", "ArgMax", [x, f.list("axis", [-1], [])], {
      output_type: type("DT_INT32"),
    });
    const shifted = f.node("shifted", "Sub", [best, f.list("two", [2], [])], {
      T: type("DT_INT32"),
    });
    const numbers = [f.list("depth", [3], []), f.number("on", 2), f.number("off", 0.5)];
    return [f.node("y", "OneHot", [shifted, ...numbers], { axis: int(-1) })];
  }),
  one("ReverseV2", IMAGE, (f, x) => [
    f.node("y", "ReverseV2", [convolution(f, x), f.list("axes", [1, -1])]),
  ]),
  ...[false, true].map((set) =>
    one(`Cumsum, exclusive and reverse ${set}`, IMAGE, (f, x) => [
      f.node("y", "Cumsum", [convolution(f, x), f.list("axis", [2], [])], {
        exclusive: flag(set),
        reverse: flag(set),
      }),
    ]),
  ),
  one("GatherNd", IMAGE, (f, x) => [
    f.node("y", "GatherNd", [convolution(f, x), f.list("i", [1, 0, 5, 1, 3, 2], [2, 3])]),
  ]),
];

/** Masks behind comparisons, turned into numbers. */
function comparison(op: string, reduce?: string): OperatorCase {
  return one(`${op}${reduce ? ` and ${reduce}` : ""}`, IMAGE, (f, x) => {
    const rounded = f.node("rounded", "Round", [convolution(f, x)]);
    let mask = f.node("mask", op, [rounded, f.number("zero", 0)]);
    if (reduce) mask = f.node("all", reduce, [mask, f.list("axes", [2])]);
    return [f.node("y", "Cast", [mask], { SrcT: type("DT_BOOL"), DstT: type("DT_FLOAT") })];
  });
}

const arithmetic: OperatorCase[] = [
  comparison("NotEqual"),
  comparison("LessEqual", "All"),
  comparison("Less", "Any"),
  one("DivNoNan", IMAGE, (f, x) => {
    const relu = f.node("relu", "Relu", [x]);
    return [
      f.node("y", "DivNoNan", [
        convolution(f, x),
        f.node("c", "Mean", [relu, f.list("a", [1, 2, 3])], { keep_dims: flag(true) }),
      ]),
    ];
  }),
  one("DivNoNan by zero", [2, 6], (f, x) => [
    f.node("y", "DivNoNan", [f.number("a", 3), f.node("relu", "Relu", [x])]),
  ]),
  one("FloorMod", IMAGE, (f, x) => [
    f.node("y", "FloorMod", [convolution(f, x), f.number("b", -0.3)]),
  ]),
  one("ClipByValue", IMAGE, (f, x) => [
    f.node("y", "ClipByValue", [convolution(f, x), f.number("low", -0.1), f.number("high", 0.2)]),
  ]),
  ...["Expm1", "Tan", "Sinh", "Atan", "Asinh"].map((op) => unary(op)),
  one("EuclideanNorm", IMAGE, (f, x) => [
    f.node("y", "EuclideanNorm", [convolution(f, x), f.list("axes", [1, 3])], {
      keep_dims: flag(true),
    }),
  ]),
  one("LRN", IMAGE, (f, x) => [
    f.node("y", "LRN", [convolution(f, x)], {
      depth_radius: int(1),
      bias: float(1.5),
      alpha: float(0.7),
      beta: float(0.75),
    }),
  ]),
  one("ZerosLike and OnesLike", IMAGE, (f, x) => {
    const y = convolution(f, x);
    const ones = f.node("ones", "OnesLike", [y]);
    const zeros = f.node("zeros", "ZerosLike", [y]);
    return [f.node("z", "AddV2", [ones, f.node("product", "Mul", [zeros, y])])];
  }),
  one("Fill of a size that is open, as an LSTM's first state", [2, 3], (f, x) => {
    const all = f.node("all", "Shape", [x], { out_type: type("DT_INT32") });
    const bounds = [f.list("b", [0]), f.list("e", [1]), f.list("s", [1])];
    const batch = f.node("batch", "StridedSlice", [all, ...bounds], { shrink_axis_mask: int(1) });
    const sizes = f.node("sizes", "Pack", [batch, f.list("three", [3], [])], { N: int(2) });
    const state = f.node("state", "Fill", [sizes, f.number("v", 1.5)]);
    return [state, f.node("y", "AddV2", [x, state])];
  }),
  one("Size and Rank", [2, 3, 4], (f, x) => {
    const both = ["Size", "Rank"].map((op) => {
      const number = f.node(op.toLowerCase(), op, [x], { out_type: type("DT_INT32") });
      return f.node(`${op}_as_float`, "Cast", [number], {
        SrcT: type("DT_INT32"),
        DstT: type("DT_FLOAT"),
      });
    });
    return [f.node("y", "AddV2", both)];
  }),
];

const products: OperatorCase[] = [
  one("Einsum with weights, as in an EinsumDense layer", [2, 5, 4], (f, x) => [
    f.node("y", "Einsum", [x, f.weight("w", [4, 3, 2])], {
      N: int(2),
      equation: text("abc,cde->abde"),
    }),
  ]),
  one("Einsum of two values, as in attention", [2, 5, 3, 4], (f, x) => [
    f.node("y", "Einsum", [f.node("t", "Tanh", [x]), x], {
      N: int(2),
      equation: text("aecd,abcd->acbe"),
    }),
  ]),
  one("_FusedMatMul with a computed sum, as in an LSTM cell", [2, 5], (f, x) => {
    const other = f.node("other", "MatMul", [x, f.weight("u", [5, 3])]);
    return [
      f.node("y", "_FusedMatMul", [x, f.weight("w", [5, 3]), other], {
        num_args: int(1),
        fused_ops: texts("BiasAdd", "Relu"),
      }),
    ];
  }),
];

/** A convolution that two nodes around it dilate, as TensorFlow writes depthwise ones. */
function dilatedByBlocks(op: string, pads: number[], crops: number[]): OperatorCase {
  return one(`${op} between SpaceToBatchND and BatchToSpaceND, [${pads}]`, IMAGE, (f, x) => {
    const inner = op === "Conv2D" ? [3, 3, 4, 5] : [3, 3, 4, 1];
    const block = f.list("block", [2, 3]);
    const relu = f.node("relu", "Relu", [convolution(f, x, {}, 4)]);
    const parted = f.node("parted", "SpaceToBatchND", [relu, block, f.list("pads", pads, [2, 2])]);
    const convolved = f.node("convolved", op, [parted, f.weight("inner", inner)], {
      strides: ints(1, 1, 1, 1),
      dilations: ints(1, 1, 1, 1),
      padding: text("VALID"),
    });
    const joined = f.node("joined", "BatchToSpaceND", [
      convolved,
      block,
      f.list("crops", crops, [2, 2]),
    ]);
    return [f.node("y", "BiasAdd", [joined, f.weight("bias", [inner[3] === 1 ? 4 : 5])])];
  });
}

const images: OperatorCase[] = [
  // 6 × 7 positions: "same" padding of 2 and 3, and 2 more behind the second axis.
  dilatedByBlocks("DepthwiseConv2dNative", [2, 2, 3, 5], [0, 0, 0, 2]),
  dilatedByBlocks("Conv2D", [2, 2, 3, 5], [0, 0, 0, 2]),
  dilatedByBlocks("DepthwiseConv2dNative", [0, 0, 0, 2], [0, 0, 0, 2]),
  one("_FusedConv2D with a bias of four axes", IMAGE, (f, x) => {
    const operands = [x, f.weight("filter", [3, 3, 4, 5]), f.weight("bias", [1, 1, 1, 5])];
    return [
      f.node("y", "_FusedConv2D", operands, {
        strides: ints(1, 2, 2, 1),
        dilations: ints(1, 1, 1, 1),
        padding: text("SAME"),
        num_args: int(1),
        fused_ops: texts("BiasAdd", "Relu"),
      }),
    ];
  }),
  one("DepthToSpace", IMAGE, (f, x) => [
    f.node("y", "DepthToSpace", [convolution(f, x, {}, 8)], {
      block_size: int(2),
      data_format: text("NHWC"),
    }),
  ]),
];

/** Operators of sequences, masks, detection and attention. */
export const furtherOperatorCases: readonly OperatorCase[] = [
  ...slices,
  ...positions,
  ...arithmetic,
  ...products,
  ...images,
];
