import { activated } from "./activation.ts";
import { knownSize, type LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue } from "./layer-value.ts";

/** y = activation(x·W + b) over the last axis, with W of (inputs, units) as in the file. */
function dense(call: LayerCall): LayerValue {
  const input = call.input.timeFirst ? call.input : call.inFileOrder(call.input);
  const units = call.fields.size("units");
  const features = knownSize(call, input.shape.at(-1), "the size of its input's last axis");
  const kernel = call.weight("kernel", [features, units], { sizes: { units: -1 } });
  const bias = call.weight("bias", [units], { flag: "use_bias" });
  const shape = [...input.shape.slice(0, -1), units];
  let value: string;
  if (shape.length === 2) value = call.add("main", "Gemm", [input.value, kernel, bias]);
  else {
    value = call.add("main", "MatMul", [input.value, kernel]);
    if (bias.value !== "") value = call.add("bias", "Add", [value, bias]);
    else call.places.push({ part: "bias", input: 1, use: bias });
  }
  return activated(call, { ...input, value, shape });
}

export const denseLayers: readonly LayerRule[] = [
  { classNames: ["Dense"], build: dense, keepsMask: true, anyTimeOrder: true },
];
