import { readSamples, withSampleShape } from "../../data/dataset.ts";
import { asModelTakes } from "../../data/model-input-scaling.ts";
import type { NpyArray } from "../../data/npy.ts";
import { readNpz } from "../../data/npz.ts";
import { openDataset } from "../../data/open-dataset.ts";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { elementCount } from "../../graph/tensor.ts";
import type { DataOptions } from "../../protocol/data-options.ts";
import type { RuntimeTensor } from "../../runtime/runtime.ts";
import { castElements, type OpenInput, type Trial } from "./trial-inputs.ts";

/** Rows of the data to try where the model takes any number of them. */
const MOST_ROWS = 16;

/**
 * The user's data as one more trial: a .npz with an array for every input, or the first samples of
 * a data set for a model with one input.
 *
 * @throws InputError when the data cannot be read or does not fit the model.
 */
export async function dataTrial(
  data: string,
  inputs: readonly OpenInput[],
  graph: Graph,
  options: Partial<DataOptions> = {},
): Promise<Trial> {
  const named = data.toLowerCase().endsWith(".npz") ? await namedArrays(data, inputs) : undefined;
  if (named !== undefined) return { name: `data ${data}`, constant: false, feeds: named };
  const [input, ...others] = inputs;
  if (input === undefined || others.length > 0) {
    const names = inputs.map((each) => each.name).join(", ");
    throw new InputError(`has to be a .npz with an array for each input: ${names}`, data);
  }
  const [batch, ...sample] = input.sizes;
  const shape = sample.map((size) => (typeof size === "number" ? size : undefined));
  const known = { name: input.name, sampleShape: shape };
  const opened = asModelTakes(await openDataset(data, { input: known, options }), graph, known);
  const dataset = withSampleShape(opened, shape, input.name);
  const rows = typeof batch === "number" ? batch : Math.min(MOST_ROWS, dataset.count);
  const width = elementCount(dataset.sampleShape);
  const values = new Float32Array(rows * width);
  const taken = Int32Array.from({ length: rows }, (_, row) => row % dataset.count);
  await readSamples(dataset, taken, values);
  const tensor: RuntimeTensor = {
    type: input.type,
    dims: [rows, ...dataset.sampleShape],
    data: castElements(input.type, Float64Array.from(values)),
  };
  return { name: `data ${dataset.name}`, constant: false, feeds: { [input.name]: tensor } };
}

/** Feeds from arrays that carry the inputs' names; undefined when one is missing. */
async function namedArrays(
  file: string,
  inputs: readonly OpenInput[],
): Promise<Record<string, RuntimeTensor> | undefined> {
  const arrays = await readNpz(file);
  const feeds: Record<string, RuntimeTensor> = {};
  for (const input of inputs) {
    const array = arrays.get(input.name);
    if (array === undefined) return undefined;
    const { shape, values } = fitted(file, array, input);
    feeds[input.name] = { type: input.type, dims: shape, data: castElements(input.type, values) };
  }
  return feeds;
}

/**
 * An array of samples in the shape of an input, as passes and training take it. Of an input that takes
 * one number of samples only, as many rows as that, from the start again where there are too few.
 */
function fitted(file: string, { shape, values }: NpyArray, { name, sizes }: OpenInput) {
  const numbers = Float64Array.from(values);
  const [count = 0, ...sampleShape] = shape;
  const [wanted, ...sample] = sizes;
  if (sample.length === 0 || count === 0) return { shape, values: numbers };
  const samples = { name: file, count, sampleShape, features: new Float32Array() };
  const known = sample.map((size) => (typeof size === "number" ? size : undefined));
  const width = elementCount(sampleShape);
  const rows = typeof wanted === "number" ? wanted : count;
  return {
    shape: [rows, ...withSampleShape(samples, known, name).sampleShape],
    values:
      rows === count
        ? numbers
        : Float64Array.from(
            { length: rows * width },
            (_, position) => numbers[position % (count * width)] as number,
          ),
  };
}
