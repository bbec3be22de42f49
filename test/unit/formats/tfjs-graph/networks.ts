import { flag, float, GraphFile, int, ints, text, texts } from "./graph-file.ts";

export interface GraphNetwork {
  readonly name: string;
  readonly input: readonly number[];
  readonly outputs: readonly string[];
  build(): GraphFile;
  /** How many sites fold. */
  readonly folds: number;
  /** Nodes of the file that folding takes away, but for constants. */
  readonly gone: readonly string[];
}

const WINDOW = { strides: ints(1, 1, 1, 1), dilations: ints(1, 1, 1, 1), padding: text("SAME") };

function batchNorm(file: GraphFile, name: string, x: string, channels: number): string {
  const parameters = [
    file.weight(`${name}/gamma`, [channels], 0.5),
    file.weight(`${name}/beta`, [channels]),
    file.weight(`${name}/mean`, [channels]),
    file.weight(`${name}/variance`, [channels], 0.5),
  ];
  return file.node(name, "FusedBatchNormV3", [x, ...parameters], {
    epsilon: float(0.001),
    is_training: flag(false),
    data_format: text("NHWC"),
  });
}

function convolution(file: GraphFile, name: string, x: string, shape: number[]): string {
  const depthwise = name.includes("depthwise");
  const filter = file.weight(`${name}/filter`, shape);
  return file.node(name, depthwise ? "DepthwiseConv2dNative" : "Conv2D", [x, filter], WINDOW);
}

/** Convolutions with and without bias, depthwise, fused, and what the converter left of a BatchNorm. */
export const graphNetworks: readonly GraphNetwork[] = [
  {
    name: "convolutions, a residual sum and a dense layer",
    input: [2, 6, 5, 3],
    outputs: ["Identity"],
    folds: 3,
    gone: ["bn_a", "bn_b", "bn_c"],
    build: () => {
      const file = new GraphFile();
      const x = file.input("x", [-1, 6, 5, 3]);
      const a = batchNorm(file, "bn_a", convolution(file, "conv_a", x, [3, 3, 3, 4]), 4);
      const relu = file.node("relu_a", "Relu6", [a]);
      const d = batchNorm(file, "bn_b", convolution(file, "depthwise_b", relu, [3, 3, 4, 1]), 4);
      const filter = file.weight("conv_c/filter", [1, 1, 4, 4]);
      const c = file.node("conv_c", "_FusedConv2D", [d, filter, file.weight("conv_c/bias", [4])], {
        ...WINDOW,
        num_args: int(1),
        fused_ops: texts("BiasAdd"),
      });
      const sum = file.node("sum", "AddV2", [relu, batchNorm(file, "bn_c", c, 4)]);
      const pooled = file.node("pooled", "Mean", [sum, file.list("axes", [1, 2])]);
      const dense = file.node("dense", "MatMul", [pooled, file.weight("dense/kernel", [4, 3])]);
      const biased = file.node("biased", "BiasAdd", [dense, file.weight("dense/bias", [3])]);
      file.node("Identity", "Identity", [file.node("softmax", "Softmax", [biased])]);
      return file;
    },
  },
  {
    name: "a bias before, Mul and Add behind, and an output that goes",
    input: [2, 6, 5, 3],
    outputs: ["shift", "conv_b"],
    folds: 2,
    gone: ["scale"],
    build: () => {
      const file = new GraphFile();
      const x = file.input("x", [-1, 6, 5, 3]);
      const a = convolution(file, "conv_a", x, [3, 3, 3, 4]);
      const biased = file.node("bias_a", "BiasAdd", [a, file.weight("bias", [4])]);
      const scaled = file.node("scale", "Mul", [biased, file.weight("scale/y", [4], 0.5)]);
      const shifted = file.node("shift", "AddV2", [scaled, file.weight("shift/y", [1, 1, 1, 4])]);
      convolution(file, "conv_b", file.node("relu", "Relu", [shifted]), [1, 1, 4, 2]);
      return file;
    },
  },
  {
    name: "one constant for two BatchNorms, and a filter that two convolutions share",
    input: [2, 6, 5, 3],
    outputs: ["sum"],
    folds: 2,
    gone: ["bn_a", "bn_b"],
    build: () => {
      const file = new GraphFile();
      const x = file.input("x", [-1, 6, 5, 3]);
      const filter = file.weight("filter", [3, 3, 3, 4]);
      const gamma = file.weight("gamma", [4], 0.5);
      const zero = file.weight("mean", [4]);
      const halves = ["a", "b"].map((name) => {
        const conv = file.node(`conv_${name}`, "Conv2D", [x, filter], WINDOW);
        const variance = file.weight(`variance_${name}`, [4], 0.5);
        const parameters = [gamma, zero, zero, variance];
        return file.node(`bn_${name}`, "FusedBatchNormV3", [conv, ...parameters], {
          epsilon: float(0.001),
          is_training: flag(false),
        });
      });
      file.node("sum", "Mul", halves);
      return file;
    },
  },
  {
    name: "a dense layer without bias",
    input: [2, 5],
    outputs: ["y"],
    folds: 1,
    // A Sub behind a product is its bias.
    gone: ["scale"],
    build: () => {
      const file = new GraphFile();
      const x = file.input("x", [-1, 5]);
      const product = file.node("dense", "MatMul", [x, file.weight("kernel", [5, 4])]);
      const scaled = file.node("scale", "Mul", [product, file.weight("scale/y", [4], 0.5)]);
      const shifted = file.node("shift", "Sub", [scaled, file.weight("shift/y", [4])]);
      file.node("y", "Tanh", [shifted]);
      return file;
    },
  },
  {
    name: "a depthwise convolution dilated by moving positions into the batch",
    input: [2, 6, 6, 3],
    outputs: ["y", "joined_b"],
    folds: 2,
    gone: ["bn_a", "bn_b"],
    build: () => {
      const file = new GraphFile();
      const x = file.input("x", [-1, 6, 6, 3]);
      const block = file.list("block", [2, 2]);
      const none = file.list("none", [0, 0, 0, 0], [2, 2]);
      const dilated = (name: string, read: string, pads: string) => {
        const parted = file.node(`parted_${name}`, "SpaceToBatchND", [read, block, pads]);
        const filter = file.weight(`depthwise_${name}/filter`, [3, 3, 4, 1]);
        const inner = file.node(`depthwise_${name}`, "DepthwiseConv2dNative", [parted, filter], {
          ...WINDOW,
          padding: text("VALID"),
        });
        return file.node(`joined_${name}`, "BatchToSpaceND", [inner, block, none]);
      };
      const first = batchNorm(file, "bn_a", convolution(file, "conv", x, [3, 3, 3, 4]), 4);
      // One without padding takes a BatchNorm in front of it, too.
      const unpadded = batchNorm(file, "bn_b", dilated("a", first, none), 4);
      const relu = file.node("relu", "Relu", [unpadded]);
      const last = dilated("b", relu, file.list("pads", [2, 2, 2, 2], [2, 2]));
      file.node("y", "Sigmoid", [last]);
      return file;
    },
  },
];
