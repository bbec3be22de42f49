import type { Graph } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { modelChunks, totalBytes } from "./chunks.ts";
import type { ExternalLocation } from "./external-data.ts";
import { fileRange } from "./file-range.ts";
import { onnxSource } from "./source.ts";

/** Offsets are multiples of this many bytes, so that a runtime can map the data into memory. */
const ALIGNMENT_BYTES = 64;

/** Smaller tensors, such as shapes and biases of a few channels, are better off in the model. */
const SMALLEST_PLACED_BYTES = 1024;

export interface PlacedData {
  readonly tensor: Tensor;
  /** In bytes from the start of the data file. */
  readonly offset: number;
}

/** Which tensors go into a new data file, and where in it. */
export interface Placement {
  /** By tensor, for the model; two tensors over one range of a file share their place. */
  readonly locations: ReadonlyMap<Tensor, ExternalLocation>;
  /** What the data file holds, in its order. */
  readonly parts: readonly PlacedData[];
  /** Size of the data file; 0 where none is needed. */
  readonly byteLength: number;
}

export interface PlacementOptions {
  /** True where the model is written beside its source, whose data file it may refer to. */
  readonly sameFolder: boolean;
  /** Size in bytes past which a model's tensors go into a data file, though none were before. */
  readonly inlineLimit: number;
  /** Name of the data file, beside the model. */
  readonly fileName: string;
}

/**
 * Decides where each tensor's data goes:
 *
 * - what was not changed stays where it is, unless that is another folder
 * - what was changed goes into the new data file where the model had one, and into the model elsewhere
 * - a model that would be too large puts every tensor worth it into the data file
 */
export function placeTensors(graph: Graph, options: PlacementOptions): Placement {
  const tensors = [...graph.initializers.values()];
  const encoded = onnxSource(graph)?.encoded;
  const unchanged = (tensor: Tensor) => encoded?.has(tensor) ?? false;
  const external = (tensor: Tensor) => tensor.data.encoding === "external";
  const worth = (tensor: Tensor) =>
    tensor.data.encoding !== "strings" && tensor.data.byteLength >= SMALLEST_PLACED_BYTES;
  const hadDataFile = [...(encoded?.keys() ?? []), ...tensors].some(
    (value) => "data" in value && external(value as Tensor),
  );
  const chosen = tensors.filter((tensor) => {
    if (tensor.data.byteLength === 0 || (unchanged(tensor) && options.sameFolder)) return false;
    return external(tensor) || (hadDataFile && worth(tensor) && !unchanged(tensor));
  });
  const placement = place(chosen, options.fileName);
  const { locations: placed } = placement;
  const inline = modelChunks(graph, { inlineExternalData: !options.sameFolder, placed });
  if (totalBytes(inline) <= options.inlineLimit) return placement;
  const kept = (tensor: Tensor) =>
    external(tensor) && unchanged(tensor) && options.sameFolder && !placed.has(tensor);
  return place(
    tensors.filter((tensor) => placed.has(tensor) || (worth(tensor) && !kept(tensor))),
    options.fileName,
  );
}

function place(tensors: readonly Tensor[], fileName: string): Placement {
  const locations = new Map<Tensor, ExternalLocation>();
  const parts: PlacedData[] = [];
  const places = new Map<unknown, ExternalLocation>();
  let end = 0;
  for (const tensor of tensors) {
    const range = fileRange(tensor.data);
    const identity =
      range === undefined ? tensor : `${range.offset} ${range.byteLength} ${range.path}`;
    let location = places.get(identity);
    if (location === undefined) {
      const offset = Math.ceil(end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
      location = { location: fileName, offset, length: tensor.data.byteLength };
      places.set(identity, location);
      parts.push({ tensor, offset });
      end = offset + tensor.data.byteLength;
    }
    locations.set(tensor, location);
  }
  return { locations, parts, byteLength: end };
}
