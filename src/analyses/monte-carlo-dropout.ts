import type { Graph } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import type { PassOptions } from "../passes/pass.ts";
import type { SampleRuns, ValueBatch } from "../passes/sample-runs.ts";
import { type JsonNumber, jsonNumber, type ReportTable } from "../protocol/reports.ts";
import type { Analysis } from "./analysis.ts";
import { withMasks } from "./masked-graph.ts";
import { average, largest, PredictionMoments } from "./prediction-moments.ts";

/** With more outputs than these, only the predicted one has columns of its own. */
const MOST_OUTPUT_COLUMNS = 10;

/** The share of samples that counts as most uncertain. */
const UNCERTAIN_SHARE = 0.1;

/**
 * Monte-Carlo dropout (Y. Gal and Z. Ghahramani, "Dropout as a Bayesian Approximation", 2016): T runs
 * with masks m_t as in training, whose mean and spread say what the model predicts and how sure it is,
 *
 *   E[y] ≈ 1/T·Σ_t f(x, m_t),   Var[y] ≈ 1/(T − 1)·Σ_t (f(x, m_t) − E[y])²
 *
 * For classes f is the softmax of the model's output, where the model does not end in one itself:
 * the spread of logits says little where their differences are large.
 *
 * The uncertainty of a sample is the mean of the standard deviations of its outputs.
 */
export const monteCarloDropout: Analysis = {
  id: "monte-carlo-dropout",
  title: "Monte-Carlo dropout",
  description: "Runs the model many times with dropout on: what it predicts, and how sure it is.",
  options: [
    {
      name: "runs",
      kind: "number",
      description: "How often each sample is run, from 2.",
      default: 50,
      minimum: 2,
      maximum: 100_000,
    },
    {
      name: "seed",
      kind: "number",
      description: "The masks follow from it: the same seed gives the same numbers.",
      default: 0,
      minimum: 0,
      maximum: 2 ** 32 - 1,
    },
    {
      name: "rate",
      kind: "number",
      description: "Drops this share at every Dropout; 0 takes each one's own.",
      default: 0,
      minimum: 0,
      maximum: 1,
    },
    {
      name: "softmax",
      kind: "choice",
      description:
        "Whether outputs are made probabilities first; auto does where the data has classes and the model ends in logits.",
      default: "auto",
      choices: ["auto", "always", "never"],
    },
  ],
  data: "always",
  run: async (graph, options, samples) => {
    if (samples === undefined || samples.count === 0) {
      throw new InputError("monte-carlo-dropout: samples to run are needed");
    }
    return report(await measured(graph, checked(options), samples), samples);
  },
};

interface Settings {
  readonly runs: number;
  readonly seed: number;
  readonly rate: number;
  readonly softmax: string;
}

function checked(options: PassOptions): Settings {
  const { runs, seed, rate, softmax } = options;
  for (const [name, value] of Object.entries({ runs, seed })) {
    if (!Number.isInteger(value)) {
      throw new InputError(
        `monte-carlo-dropout: option ${name} is ${value}; a whole number is needed`,
      );
    }
  }
  if (rate === 1) {
    throw new InputError("monte-carlo-dropout: option rate is 1; a number below 1 is needed");
  }
  return {
    runs: Number(runs),
    seed: Number(seed),
    rate: Number(rate),
    softmax: String(softmax),
  };
}

interface Measured {
  readonly runs: number;
  readonly moments: PredictionMoments;
  /** The prediction without dropout. */
  readonly plain: PredictionMoments;
  readonly labels: Int32Array | undefined;
}

async function measured(graph: Graph, settings: Settings, samples: SampleRuns): Promise<Measured> {
  const output = graph.outputs[0]?.name;
  if (output === undefined) throw new InputError("the model has no output");
  const { runs, seed, rate } = settings;
  const masked = withMasks(graph, rate);
  const [moments, plain] = [0, 1].map(() => new PredictionMoments(output, samples.count)) as [
    PredictionMoments,
    PredictionMoments,
  ];
  const labels = new Int32Array(samples.count);
  const logits = !endsInProbabilities(graph, output);
  let labelled = false;
  let probabilities = settings.softmax === "always";
  await samples.run(graph, [output], (batch) => {
    labelled ||= batch.labels !== undefined;
    probabilities ||=
      settings.softmax === "auto" && labelled && logits && hasClasses(batch, output);
    plain.add(batch, probabilities);
    labels.set(batch.labels ?? [], batch.start);
  });
  const masks = { count: runs, seed, masks: masked.masks };
  await samples.run(masked.graph, [output], (batch) => moments.add(batch, probabilities), {
    masked: masks,
  });
  const classes = labelled && moments.width > 1;
  return { runs, moments, plain, labels: classes ? labels : undefined };
}

/** The last node behind Identity makes probabilities or their logarithms. */
function endsInProbabilities(graph: Graph, output: string): boolean {
  const index = indexOf(graph);
  let producer = index.producer(output);
  while (producer?.opType === "Identity") producer = index.producer(producer.input[0] ?? "");
  return ["Softmax", "LogSoftmax", "Sigmoid"].includes(producer?.opType ?? "");
}

/** One number for each of several classes. */
function hasClasses({ values, count }: ValueBatch, output: string): boolean {
  const value = values.get(output);
  return value?.dims.length === 2 && value.data.length > count;
}

function report(measured: Measured, samples: SampleRuns) {
  const { moments, plain, labels, runs } = measured;
  const uncertainty = Float64Array.from({ length: samples.count }, (_, sample) =>
    average(moments.deviation(sample)),
  );
  const order = Array.from(uncertainty.keys()).sort(
    (a, b) => (uncertainty[b] as number) - (uncertainty[a] as number) || a - b,
  );
  const [first = 0] = order;
  const sentences = [
    `Over ${samples.count} samples of ${samples.name}, run ${runs} times with dropout, the mean predictive standard deviation is ${short(average(uncertainty))}; the largest, ${short(uncertainty[first] as number)}, is that of sample ${first}.`,
    ...(labels === undefined ? [] : accuracySentences(moments, plain, labels, order)),
  ];
  return { sentences, tables: [table(measured, order, uncertainty)] };
}

function accuracySentences(
  moments: PredictionMoments,
  plain: PredictionMoments,
  labels: Int32Array,
  order: readonly number[],
): string[] {
  const right = (from: PredictionMoments) => (sample: number) =>
    largest(from.mean(sample)) === labels[sample];
  const share = (from: PredictionMoments) =>
    percent(order.filter(right(from)).length, order.length);
  const wrong = order.filter((sample) => !right(moments)(sample));
  const uncertain = new Set(order.slice(0, Math.ceil(order.length * UNCERTAIN_SHARE)));
  const found = wrong.filter((sample) => uncertain.has(sample)).length;
  return [
    `The mean prediction is right for ${share(moments)} of the samples, the prediction without dropout for ${share(plain)}.`,
    ...(wrong.length === 0
      ? []
      : [
          `Of the ${wrong.length} samples that the mean prediction gets wrong, ${found} are among the ${uncertain.size} most uncertain.`,
        ]),
  ];
}

function table(
  { moments, labels }: Measured,
  order: readonly number[],
  uncertainty: Float64Array,
): ReportTable {
  const { width } = moments;
  const several = width > 1;
  const each = several && width <= MOST_OUTPUT_COLUMNS ? [...new Array(width).keys()] : [];
  const columns = [
    "sample",
    ...(labels === undefined ? [] : ["label"]),
    ...(several ? ["prediction"] : []),
    "mean",
    "std",
    ...(several ? ["mean std of all"] : []),
    ...each.flatMap((output) => [`mean ${output}`, `std ${output}`]),
  ];
  const rows = order.map((sample): JsonNumber[] => {
    const [mean, deviation] = [moments.mean(sample), moments.deviation(sample)];
    const predicted = largest(mean);
    const at = (output: number) => [
      jsonNumber(mean[output] as number),
      jsonNumber(deviation[output] as number),
    ];
    return [
      sample,
      ...(labels === undefined ? [] : [labels[sample] as number]),
      ...(several ? [predicted] : []),
      ...at(predicted),
      ...(several ? [jsonNumber(uncertainty[sample] as number)] : []),
      ...each.flatMap(at),
    ];
  });
  return { title: "Samples, most uncertain first", columns, rows };
}

function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}
