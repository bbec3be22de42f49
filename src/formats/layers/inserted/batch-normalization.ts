import { floatAttribute } from "../../../graph/attributes.ts";
import { constantValue } from "../../../graph/constants.ts";
import { shortestNumber } from "../../../graph/numbers.ts";
import { noPlace } from "../../no-place.ts";
import type { InsertedLayerRule } from "./inserted-layer.ts";

/** What ONNX takes where a node says nothing; both in Keras' direction. */
const [EPSILON, MOMENTUM] = [1e-5, 0.9];

/** Keras' names of the inputs behind the first. */
const WEIGHTS = ["gamma", "beta", "moving_mean", "moving_variance"] as const;

/**
 * A BatchNormalization over axis 1 of its value, which is the file's last axis wherever channels were
 * moved or there is no other.
 */
export const insertedBatchNormalization: InsertedLayerRule = {
  opType: "BatchNormalization",
  layer({ graph, node, rank, moved }) {
    const weights = WEIGHTS.map((name, position) => {
      const tensor = constantValue(graph, node.input[position + 1] ?? "");
      if (tensor === undefined) {
        throw noPlace(
          `node ${node.name}: its ${name} is computed while the model runs, where a layer stores it`,
        );
      }
      return { name, tensor };
    });
    return {
      className: "BatchNormalization",
      config: {
        axis: moved || rank === 2 ? -1 : 1,
        momentum: shortestNumber(floatAttribute(node, "momentum", MOMENTUM)),
        epsilon: shortestNumber(floatAttribute(node, "epsilon", EPSILON)),
        center: true,
        scale: true,
      },
      weights,
    };
  },
};
