import { type Random, seededRandom } from "../../../src/data/random.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { roundedTensor } from "../../../src/graph/numbers.ts";

/** A convolution followed by a BatchNorm, in numbers. */
export interface ConvConfiguration {
  /** Number of spatial axes: 1, 2 or 3. */
  readonly axes: number;
  readonly groups: number;
  readonly inputsPerGroup: number;
  readonly outputsPerGroup: number;
  readonly kernel: number;
  readonly size: number;
  readonly pad: number;
  readonly bias: boolean;
  readonly dataType: DataType;
  readonly epsilon: number;
  readonly seed: number;
}

/** The six parameters as float64 values of the stored type. */
export type ConvParameters = Readonly<
  Record<"weight" | "bias" | "gamma" | "beta" | "mean" | "variance", Float64Array>
>;

const BATCH = 3;

export function outputChannels(configuration: ConvConfiguration): number {
  return configuration.groups * configuration.outputsPerGroup;
}

/** Input x, convolution conv with result c, BatchNorm bn with result y. */
export function convModel(configuration: ConvConfiguration): Graph {
  const { groups, inputsPerGroup, kernel, size, pad, dataType, epsilon } = configuration;
  const channels = outputChannels(configuration);
  const axes = Array.from({ length: configuration.axes });
  const random = seededRandom(configuration.seed, "conv model");
  const builder = new GraphBuilder(["x", "y"]);
  const add = (name: string, dims: readonly number[], draw: () => number) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    builder.addInitializer(
      roundedTensor(name, dims, dataType, Float64Array.from({ length: count }, draw)),
    );
    return name;
  };
  const weight = add("conv.weight", [channels, inputsPerGroup, ...axes.map(() => kernel)], () =>
    random.normal(),
  );
  const bias = configuration.bias ? [add("conv.bias", [channels], () => random.normal())] : [];
  const result = builder.add("Conv", ["x", weight, ...bias], {
    name: "conv",
    stem: "c",
    attributes: { group: { int: groups }, pads: { ints: [...axes, ...axes].map(() => pad) } },
  });
  const parameters = [
    add("bn.weight", [channels], () => signed(random, 0.5 + random.uniform())),
    add("bn.bias", [channels], () => random.normal()),
    add("bn.running_mean", [channels], () => random.normal()),
    add("bn.running_var", [channels], () => 0.05 + random.uniform()),
  ];
  builder.add("BatchNormalization", [result, ...parameters], {
    name: "bn",
    stem: "bn_out",
    attributes: { epsilon: { float: epsilon } },
  });
  const output = makeValueInfo("bn_out", dataType, [
    BATCH,
    channels,
    ...axes.map(() => size + 2 * pad - kernel + 1),
  ]);
  const dims = [BATCH, groups * inputsPerGroup, ...axes.map(() => size)];
  return builder.build("model", [makeValueInfo("x", dataType, dims)], [output], 17);
}

function signed(random: Random, value: number): number {
  return random.uniform() < 0.5 ? -value : value;
}

/** Configurations that differ in everything a fold has to mind. */
export function randomConfiguration(
  seed: number,
  dataType: DataType = DataType.FLOAT,
): ConvConfiguration {
  const random = seededRandom(seed, "configuration");
  const depthwise = random.below(3) === 0;
  const axes = 1 + random.below(3);
  return {
    axes,
    groups: depthwise ? 2 + random.below(5) : 1 + random.below(3),
    inputsPerGroup: depthwise ? 1 : 1 + random.below(6),
    outputsPerGroup: depthwise ? 1 + random.below(2) : 1 + random.below(5),
    kernel: 1 + random.below(3),
    size: axes === 3 ? 4 : 6,
    pad: random.below(2),
    bias: random.below(2) === 0,
    dataType,
    epsilon: random.below(2) === 0 ? 1e-5 : 1e-3,
    seed,
  };
}
