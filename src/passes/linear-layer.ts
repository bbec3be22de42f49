import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { AffineForm } from "./batch-normalization.ts";
import type { Refusal } from "./refusal.ts";

/**
 * A linear operator seen from one of its values: its result, or the input that its weight
 * multiplies. It can take up what acts on each channel of that value.
 */
export interface LinearLayer {
  readonly node: Node;
  /** The axis of the value along which its channels lie, counted from the left. */
  readonly axis: number;
  readonly channels: number;
  /** How a shift is taken up, or why it cannot be. */
  readonly shift: ShiftUptake | Refusal;
  /** Takes up y = scale·x + shift; the reason is given where the numbers do not fit. */
  absorb(affine: AffineForm): Absorption | Refusal;
}

/** "own" is into the layer's parameters, "appended" needs an Add behind a layer without a bias. */
export type ShiftUptake = "own" | "appended";

export interface Absorption {
  /** Nodes that change besides the layer: those that dequantize its weight. */
  readonly touches: readonly Node[];
  /** Whether an Add is put behind the layer. */
  readonly appends: boolean;
  build(place: LayerPlace): LayerChanges;
}

/** How the changed layer stands in its graph. */
export interface LayerPlace {
  readonly names: TensorNames;
  /** The value to read instead of one of its inputs. */
  readonly input?: { readonly position: number; readonly value: string };
  readonly output: string;
  /** The Add behind the layer, to lend name and doc string to the one that is appended, the last node. */
  readonly add?: Node | undefined;
}

export interface LayerChanges {
  /** What takes the layer's place. */
  readonly nodes: readonly Node[];
  readonly initializers: readonly Tensor[];
  readonly replace?: ReadonlyMap<Node, readonly Node[]>;
}

/** Names for changed tensors. */
export interface TensorNames {
  readonly builder: GraphBuilder;
  /** The layer is copied and the original stays, so that nothing may be overwritten. */
  readonly copies: boolean;
}

/** One kind of linear operator; linear-operators.ts lists them. */
export interface LinearOperator {
  readonly opType: string;
  /** Seen from its result. */
  seenFromOutput(graph: Graph, node: Node): LinearLayer | Refusal;
  /** Seen from the input at a position. */
  seenFromInput(graph: Graph, node: Node, position: number): LinearLayer | Refusal;
}
