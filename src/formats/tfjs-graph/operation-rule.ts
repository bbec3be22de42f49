import type { Operation } from "./operation.ts";
import type { TensorValue } from "./tensor-value.ts";

/** How the operators of a TensorFlow graph are written as nodes of ours. */
export interface OperationRule {
  /** TensorFlow's names. */
  readonly operators: readonly string[];
  /**
   * Adds the nodes for one node of the file. What it reads of constants it declares where it adds the
   * nodes (Operation.constant): by that the writer finds the way back.
   *
   * @returns its results; undefined where ONNX has nothing for it, so that it is kept as it is.
   * @throws InputError naming the node and the attribute or input that makes no sense.
   */
  build(operation: Operation): readonly TensorValue[] | undefined;
}
