import { tensorFlowFolder } from "../../src/engine/tensorflow/folder.ts";
import { findTensorFlow, loadTensorFlow, type TensorFlow } from "../../src/runtime/tensorflow.ts";

/** The folder of @tensorflow/tfjs-node, where this machine has it; see docs/tensorflow.md. */
export const TENSORFLOW_FOLDER = findTensorFlow(tensorFlowFolder());

/** Added to the names of tests that are skipped without it. */
export const WHERE_TENSORFLOW_IS =
  TENSORFLOW_FOLDER === undefined ? " (skipped: TensorFlow is not installed)" : "";

/** For tests that run only where TENSORFLOW_FOLDER is there. */
export function tensorFlow(): TensorFlow {
  if (TENSORFLOW_FOLDER === undefined) throw new Error("TensorFlow is not installed");
  return loadTensorFlow(TENSORFLOW_FOLDER);
}
