import { withSampleShape } from "../../data/dataset.ts";
import { readNpz } from "../../data/npz.ts";
import { openDataset } from "../../data/open-dataset.ts";
import { InputError } from "../../graph/input-error.ts";
import { elementCount } from "../../graph/tensor.ts";
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
export async function dataTrial(data: string, inputs: readonly OpenInput[]): Promise<Trial> {
  const named = data.toLowerCase().endsWith(".npz") ? await namedArrays(data, inputs) : undefined;
  if (named !== undefined) return { name: `data ${data}`, constant: false, feeds: named };
  const [input, ...others] = inputs;
  if (input === undefined || others.length > 0) {
    const names = inputs.map((each) => each.name).join(", ");
    throw new InputError(`has to be a .npz with an array for each input: ${names}`, data);
  }
  const [batch, ...sample] = input.sizes;
  const shape = sample.map((size) => (typeof size === "number" ? size : undefined));
  const dataset = withSampleShape(await openDataset(data), shape, input.name);
  const rows = typeof batch === "number" ? batch : Math.min(MOST_ROWS, dataset.count);
  const width = elementCount(dataset.sampleShape);
  const values = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const start = (row % dataset.count) * width;
    values.set(dataset.features.subarray(start, start + width), row * width);
  }
  const tensor: RuntimeTensor = {
    type: input.type,
    dims: [rows, ...dataset.sampleShape],
    data: castElements(input.type, values),
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
  for (const { name, type } of inputs) {
    const array = arrays.get(name);
    if (array === undefined) return undefined;
    const data = castElements(type, Float64Array.from(array.values));
    feeds[name] = { type, dims: array.shape, data };
  }
  return feeds;
}
