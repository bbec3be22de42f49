import { GraphBuilder } from "../graph/builder.ts";
import { elementBits } from "../graph/data-type.ts";
import { changeGraph, changeNode, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { groupedDigits } from "../graph/grouped-digits.ts";
import { InputError } from "../graph/input-error.ts";
import { readFloat64 } from "../graph/numbers.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import type { ReportTable } from "../protocol/reports.ts";
import { changedName } from "./changed-name.ts";
import { siteId } from "./pass.ts";
import { nodeLabel } from "./refusal.ts";
import type { UnitWeight } from "./unit-weight.ts";

export interface Pruned {
  readonly graph: Graph;
  readonly nodes: readonly Node[];
  readonly statement: string;
  readonly table: ReportTable;
}

export interface PruneShare {
  /** Of weights or channels, 0 to below 1. */
  readonly share: number;
  readonly scope: "global" | "layer";
}

/** A weight and the layers that read it; a weight that several read is pruned once. */
interface SharedWeight {
  readonly tensor: Tensor;
  readonly readers: readonly UnitWeight[];
}

/**
 * Sets the share of weights with the smallest magnitude to zero: of all layers taken together, or of
 * each. Of equal magnitudes the first stored go first, so that the count is exact. Source: S. Han et
 * al., "Learning both Weights and Connections for Efficient Neural Networks", 2015, section 3.
 *
 * @throws InputError where a layer would be left without any weight.
 */
export function pruneWeights(
  graph: Graph,
  weights: readonly UnitWeight[],
  { share, scope }: PruneShare,
): Pruned {
  const shared = sharedWeights(weights);
  const groups = scope === "global" ? [shared] : shared.map((each) => [each]);
  const zeros = new Map<SharedWeight, Uint8Array>();
  for (const group of groups) {
    for (const [each, positions] of smallest(group, share)) zeros.set(each, positions);
  }
  const rows = shared.map((each) => {
    const count = elementCount(each.tensor.dims);
    const zeroed = marked(zeros.get(each));
    const label = each.readers.map(({ node }) => siteId(node)).join(", ");
    if (zeroed === count) {
      throw new InputError(
        `prune-magnitude: all ${count} weights of ${nodeLabel((each.readers[0] as UnitWeight).node)} are among the smallest ${100 * share} %; a smaller share or scope "layer" keeps some`,
      );
    }
    return [label, count, zeroed, `${((100 * zeroed) / count).toFixed(1)} %`] as const;
  });
  const changed = shared.filter((each) => marked(zeros.get(each)) > 0);
  const [total, zeroed] = [1, 2].map((column) =>
    rows.reduce((sum, row) => sum + Number(row[column]), 0),
  ) as [number, number];
  return {
    graph: zeroedGraph(graph, changed, zeros),
    nodes: changed.flatMap(({ readers }) => readers.map(({ node }) => node)),
    statement: `${groupedDigits(zeroed)} of ${groupedDigits(total)} weights are zero now, the smallest of ${scope === "global" ? "all layers" : "each layer"}.`,
    table: { title: "Weights", columns: ["layer", "weights", "zero", "share"], rows },
  };
}

function sharedWeights(weights: readonly UnitWeight[]): SharedWeight[] {
  const byValue = new Map<string, UnitWeight[]>();
  for (const weight of weights) {
    byValue.set(weight.value, [...(byValue.get(weight.value) ?? []), weight]);
  }
  return [...byValue.values()].map((readers) => ({
    tensor: (readers[0] as UnitWeight).tensor,
    readers,
  }));
}

/** Marks of the ⌊share·n⌋ smallest of n numbers, in each of their tensors. */
function smallest(
  group: readonly SharedWeight[],
  share: number,
): ReadonlyMap<SharedWeight, Uint8Array> {
  const magnitudes = group.map((each) => magnitudesOf(each));
  const all = new Float64Array(magnitudes.reduce((sum, each) => sum + each.length, 0));
  let start = 0;
  for (const each of magnitudes) {
    all.set(each, start);
    start += each.length;
  }
  const count = Math.floor(share * all.length);
  if (count === 0) return new Map();
  const threshold = all.sort()[count - 1] as number;
  let equal = count - all.indexOf(threshold);
  return new Map(
    group.map((each, position) => {
      const marks = Uint8Array.from(magnitudes[position] as Float64Array, (magnitude) =>
        magnitude < threshold || (magnitude === threshold && equal-- > 0) ? 1 : 0,
      );
      return [each, marks];
    }),
  );
}

/** @throws InputError for a weight that is not a number, which has no place in the order. */
function magnitudesOf({ tensor, readers }: SharedWeight): Float64Array {
  const magnitudes = readFloat64(tensor).map(Math.abs);
  if (magnitudes.some(Number.isNaN)) {
    const { node, value } = readers[0] as UnitWeight;
    throw new InputError(`prune-magnitude: the weight ${value} of ${nodeLabel(node)} holds NaN`);
  }
  return magnitudes;
}

function marked(marks: Uint8Array | undefined): number {
  return marks?.reduce((sum, mark) => sum + mark, 0) ?? 0;
}

function zeroedGraph(
  graph: Graph,
  changed: readonly SharedWeight[],
  zeros: ReadonlyMap<SharedWeight, Uint8Array>,
): Graph {
  const names = { builder: new GraphBuilder(takenNames(graph)), ending: "pruned" };
  const replace = new Map<Node, readonly Node[]>();
  const initializers = changed.map((each): Tensor => {
    const { value } = each.readers[0] as UnitWeight;
    const name = changedName(graph, value, each.readers, names);
    for (const { node, input } of each.readers) {
      const current = replace.get(node)?.[0] ?? node;
      const inputs = current.input.map((old, position) => (position === input ? name : old));
      replace.set(node, [changeNode(current, { input: inputs })]);
    }
    return zeroedTensor(each.tensor, name, zeros.get(each) ?? new Uint8Array());
  });
  return changeGraph(graph, { replace, initializers });
}

/** All others keep their bits. */
function zeroedTensor(tensor: Tensor, name: string, zeros: Uint8Array): Tensor {
  const size = (elementBits(tensor.dataType) ?? 0) / 8;
  const bytes = Uint8Array.from(tensor.data.read());
  for (const [position, zero] of zeros.entries()) {
    if (zero === 1) bytes.fill(0, position * size, (position + 1) * size);
  }
  return {
    ...tensor,
    name,
    data: { encoding: "memory", byteLength: bytes.length, read: () => bytes },
  };
}
