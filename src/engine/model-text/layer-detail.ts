import type { LayerRecord } from "../../formats/layers/read-layers.ts";
import { tfjsSource } from "../../formats/tfjs/source.ts";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { readFloat64 } from "../../graph/numbers.ts";
import { elementCount, type Tensor } from "../../graph/tensor.ts";
import type { LayerDetail, LayerWeight } from "../../protocol/model-text.ts";
import { jsonNumber } from "../../protocol/reports.ts";
import { momentsOf, standardDeviation } from "../../statistics/moments.ts";

/** Numbers of more elements would keep the hover waiting. */
const MOST_ELEMENTS = 20_000_000;

/** What new layers have as ones. */
const ONES: ReadonlySet<string> = new Set(["gamma", "moving_variance"]);

/**
 * Shape, parameters and weights of a layer, for its hover.
 *
 * @throws InputError where the model has no such layer.
 */
export function layerDetail(graph: Graph, path: string): LayerDetail {
  const record = tfjsSource(graph)?.records.get(path);
  if (record === undefined) throw new InputError(`the model has no layer ${path} with a result`);
  const weights = storedWeights(record);
  const shape = record.calls[0]?.result.shape ?? [];
  return {
    path,
    className: record.layer.className,
    output: shape.map((size) => size ?? "?").join("×"),
    calls: record.calls.length,
    parameters: weights.reduce((sum, [, { dims }]) => sum + elementCount(dims), 0),
    weights: weights.flatMap(([name, tensor]) => layerWeight(name, tensor)),
  };
}

/** Each weight of the layer once, however often the layer is called. */
function storedWeights({ calls }: LayerRecord): readonly [string, Tensor][] {
  const weights = new Map<string, Tensor>();
  for (const { use } of calls.flatMap(({ places }) => places)) {
    if (use.stored !== undefined) weights.set(use.weight, use.stored);
  }
  return [...weights];
}

function layerWeight(name: string, tensor: Tensor): LayerWeight[] {
  const count = elementCount(tensor.dims);
  if (count === 0 || count > MOST_ELEMENTS) return [];
  const moments = momentsOf(readFloat64(tensor));
  const { mean, min, max, zeros } = moments;
  const fromOne = Math.max(Math.abs(min - 1), Math.abs(max - 1));
  return [
    {
      name,
      shape: tensor.dims,
      count,
      zeros,
      mean: jsonNumber(mean),
      std: jsonNumber(standardDeviation(moments)),
      min: jsonNumber(min),
      max: jsonNumber(max),
      ...(ONES.has(name) ? { fromOne: jsonNumber(fromOne) } : {}),
    },
  ];
}
