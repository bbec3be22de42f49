import { floatAttribute } from "../../../graph/attributes.ts";
import { constantValue } from "../../../graph/constants.ts";
import { readFloat64, shortestNumber } from "../../../graph/numbers.ts";
import { noPlace } from "../../no-place.ts";
import type { InsertedLayerRule } from "./inserted-layer.ts";

const DEFAULT_RATIO = 0.5;

/** rate is the probability to drop, as ONNX's ratio is. */
export const insertedDropout: InsertedLayerRule = {
  opType: "Dropout",
  layer({ graph, node }) {
    const ratio = node.input[1] ?? "";
    const stored = ratio === "" ? undefined : constantValue(graph, ratio);
    if (ratio !== "" && stored === undefined) {
      throw noPlace(
        `node ${node.name}: its rate is computed while the model runs, where a Dropout layer states it`,
      );
    }
    const [rate = DEFAULT_RATIO] =
      stored === undefined ? [floatAttribute(node, "ratio", DEFAULT_RATIO)] : readFloat64(stored);
    return {
      className: "Dropout",
      config: { rate: shortestNumber(rate), noise_shape: null, seed: null },
      weights: [],
    };
  },
};
