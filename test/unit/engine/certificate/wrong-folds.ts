import type { Graph } from "../../../../src/graph/graph.ts";
import { readFloat64, roundedTensor } from "../../../../src/graph/numbers.ts";
import type { Tensor } from "../../../../src/graph/tensor.ts";
import { type ConvConfiguration, outputChannels } from "../../passes/conv-models.ts";

/** A mistake a fold could make: scale, shift and the tensors it computes from them. */
export interface WrongFold {
  readonly name: string;
  /** False where the mistake changes nothing in this configuration. */
  readonly applies: (configuration: ConvConfiguration) => boolean;
  readonly change: (numbers: FoldNumbers) => void;
}

/** What a right fold computes; a mistake changes it in place. */
export interface FoldNumbers {
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  readonly original: Readonly<
    Record<"weight" | "bias" | "gamma" | "beta" | "mean" | "variance", Float64Array>
  >;
  readonly epsilon: number;
  readonly channels: number;
  /** Weights of one output channel. */
  readonly perChannel: number;
}

const always = () => true;

export const WRONG_FOLDS: readonly WrongFold[] = [
  {
    name: "one channel's weights are 1 % too large",
    applies: always,
    change: (numbers) => scaleChannel(numbers, numbers.channels - 1, 1.01),
  },
  {
    name: "one channel's scale is 1 % too large, shift included",
    applies: always,
    change: (numbers) => {
      scaleChannel(numbers, 0, 1.01);
      numbers.bias[0] = (numbers.bias[0] as number) * 1.01;
    },
  },
  {
    name: "one channel's bias is 1 % too large",
    applies: always,
    change: ({ bias }) => {
      bias[0] = (bias[0] as number) * 1.01;
    },
  },
  {
    name: "the convolution's bias is lost",
    applies: (configuration) => configuration.bias,
    change: (numbers) => refold(numbers, { biasFactor: 0 }),
  },
  {
    name: "the convolution's bias is not scaled",
    applies: (configuration) => configuration.bias,
    change: (numbers) => {
      const { bias, gamma } = numbers.original;
      for (let m = 0; m < numbers.channels; m++) {
        const a = (gamma[m] as number) / deviation(numbers, m);
        numbers.bias[m] = (numbers.bias[m] as number) + (bias[m] as number) * (1 - a);
      }
    },
  },
  {
    name: "the scales of two groups are swapped",
    applies: (configuration) => outputChannels(configuration) > 1,
    change: (numbers) => {
      const { channels, perChannel, weight } = numbers;
      const [first, last] = [scaleOf(numbers, 0), scaleOf(numbers, channels - 1)];
      for (let i = 0; i < perChannel; i++) {
        weight[i] = ((weight[i] as number) / first) * last;
        const other = (channels - 1) * perChannel + i;
        weight[other] = ((weight[other] as number) / last) * first;
      }
    },
  },
  {
    name: "the scale goes along the wrong axis",
    applies: (configuration) =>
      outputChannels(configuration) > 1 &&
      configuration.inputsPerGroup * configuration.kernel ** configuration.axes > 1,
    change: (numbers) => {
      const { weight, original, channels } = numbers;
      for (const [i, value] of original.weight.entries()) {
        weight[i] = value * scaleOf(numbers, i % channels);
      }
    },
  },
  {
    name: "epsilon is forgotten",
    applies: always,
    change: (numbers) => refold(numbers, { epsilon: 0 }),
  },
  {
    name: "epsilon is added twice",
    applies: always,
    change: (numbers) => refold(numbers, { epsilon: 2 * numbers.epsilon }),
  },
  {
    name: "the root is forgotten",
    applies: always,
    change: (numbers) => refold(numbers, { power: 1 }),
  },
  {
    name: "the mean is forgotten",
    applies: always,
    change: (numbers) => refold(numbers, { meanFactor: 0 }),
  },
  {
    name: "the mean has the wrong sign in one channel",
    applies: always,
    change: (numbers) => {
      const { mean } = numbers.original;
      numbers.bias[0] = (numbers.bias[0] as number) + 2 * (mean[0] as number) * scaleOf(numbers, 0);
    },
  },
  {
    name: "one weight is NaN",
    applies: always,
    change: ({ weight }) => {
      weight[0] = Number.NaN;
    },
  },
];

interface Refold {
  readonly epsilon?: number;
  readonly power?: number;
  readonly meanFactor?: number;
  readonly biasFactor?: number;
}

/** Folds anew with one of the formula's parts changed. */
function refold(
  numbers: FoldNumbers,
  { epsilon = numbers.epsilon, power = 0.5, meanFactor = 1, biasFactor = 1 }: Refold,
): void {
  const { original, channels, perChannel } = numbers;
  for (let m = 0; m < channels; m++) {
    const a = (original.gamma[m] as number) / ((original.variance[m] as number) + epsilon) ** power;
    for (let i = m * perChannel; i < (m + 1) * perChannel; i++) {
      numbers.weight[i] = (original.weight[i] as number) * a;
    }
    const inner =
      biasFactor * (original.bias[m] as number) - meanFactor * (original.mean[m] as number);
    numbers.bias[m] = inner * a + (original.beta[m] as number);
  }
}

function scaleChannel({ weight, perChannel }: FoldNumbers, channel: number, factor: number): void {
  for (let i = channel * perChannel; i < (channel + 1) * perChannel; i++) {
    weight[i] = (weight[i] as number) * factor;
  }
}

function deviation({ original, epsilon }: FoldNumbers, channel: number): number {
  return Math.sqrt((original.variance[channel] as number) + epsilon);
}

function scaleOf(numbers: FoldNumbers, channel: number): number {
  return (numbers.original.gamma[channel] as number) / deviation(numbers, channel);
}

/** The folded graph of convModel with one mistake put into its tensors. */
export function foldWrongly(
  before: Graph,
  folded: Graph,
  configuration: ConvConfiguration,
  mistake: WrongFold,
): Graph {
  const channels = outputChannels(configuration);
  const read = (graph: Graph, name: string) => readFloat64(graph.initializers.get(name) as Tensor);
  const weight = read(folded, "conv.weight");
  const numbers: FoldNumbers = {
    weight,
    bias: read(folded, "conv.bias"),
    original: {
      weight: read(before, "conv.weight"),
      bias: configuration.bias ? read(before, "conv.bias") : new Float64Array(channels),
      gamma: read(before, "bn.weight"),
      beta: read(before, "bn.bias"),
      mean: read(before, "bn.running_mean"),
      variance: read(before, "bn.running_var"),
    },
    epsilon: Math.fround(configuration.epsilon),
    channels,
    perChannel: weight.length / channels,
  };
  mistake.change(numbers);
  const initializers = new Map(folded.initializers);
  for (const [name, values] of [
    ["conv.weight", numbers.weight],
    ["conv.bias", numbers.bias],
  ] as const) {
    const { dims, dataType } = folded.initializers.get(name) as Tensor;
    initializers.set(name, roundedTensor(name, dims, dataType, values));
  }
  return { ...folded, initializers };
}
