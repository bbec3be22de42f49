import type { LayerCall } from "./layer-call.ts";
import type { LayerValue } from "./layer-value.ts";

/**
 * How one kind of layer is written as nodes. The weights a node reads are declared where the node is
 * added (LayerCall.weight): by that the writer finds the way back from the node's inputs to the
 * layer's weights and the fields of its config.
 */
export interface LayerRule {
  /** Names of the class, in whichever framework's spelling. */
  readonly classNames: readonly string[];
  /**
   * Adds the nodes of one call of the layer.
   *
   * @returns the layer's result, or its results in order.
   * @throws InputError naming the layer and the field for a config that cannot be followed.
   * @throws Inexpressible for a valid one that the operators of ONNX have no form for.
   */
  build(call: LayerCall): LayerValue | readonly LayerValue[];
  /** What the result says about masked steps holds; otherwise a mask ends at the layer. */
  readonly keepsMask?: boolean;
  /** The layer takes sequences in either order of time and batch. */
  readonly anyTimeOrder?: boolean;
  /** The layer may be called with numbers beside its tensors (LayerCall.numbers). */
  readonly takesNumbers?: boolean;
  /** Names of arguments by which tensors may be passed, behind those passed by place (LayerCall.named). */
  readonly tensorArguments?: readonly string[];
  /** Names of arguments that are no tensors and change what the layer computes (LayerCall.option). */
  readonly optionArguments?: readonly string[];
  /**
   * The layer takes the masks off the tensors that it reads, so that whoever reads them later gets
   * none, as attention does in Keras 3.
   */
  readonly takesMasks?: boolean;
}
