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
   * @throws InputError naming the layer and the field for a config that cannot be followed.
   */
  build(call: LayerCall): LayerValue;
}
