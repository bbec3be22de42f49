import type { Node } from "../../../graph/graph.ts";
import type { NodeCall } from "./node-call.ts";
import type { WrittenValue } from "./written-value.ts";

/**
 * How nodes of one kind become layers. A writer may take nodes behind its own along
 * (NodeCall.absorb), as an Add behind a MatMul becomes the bias of a Dense layer.
 */
export interface NodeWriter {
  readonly opTypes: readonly string[];
  /**
   * Inputs that the layers read as tensors; what computes the others is not written. Left out:
   * every input that is no constant.
   */
  readonly reads?: (node: Node) => readonly number[];
  /**
   * Adds the layers.
   *
   * @returns what they make of the node's first output; others are defined by the call.
   * @throws Unwritable where layers cannot say what the node does.
   */
  write(call: NodeCall): WrittenValue | undefined;
}
