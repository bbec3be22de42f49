import { DataType } from "../../graph/data-type.ts";
import { plain } from "./activation.ts";
import type { OperationRule } from "./operation-rule.ts";

/** Nodes that compute nothing at inference: their results are what they read, one each. */
export const PASSING: ReadonlySet<string> = new Set([
  "Identity",
  "IdentityN",
  "StopGradient",
  "PreventGradient",
  "Snapshot",
  "CheckNumerics",
  "PlaceholderWithDefault",
]);

export const passingOperators: readonly OperationRule[] = [
  { operators: [...PASSING], build: (operation) => operation.inputs },
  {
    operators: ["Cast"],
    build: (operation) => {
      const input = operation.input(0);
      const target = operation.attributes.type("DstT");
      if (target === undefined) return undefined;
      if (target === input.dataType) return [input];
      const x = operation.constant(0) ?? input.value;
      // A number becomes true unless it is 0, and fractions are cut off, in ONNX as here.
      const value = operation.add("main", "Cast", [x], { to: { int: target } });
      const whole = target === DataType.INT32 ? input.elements : undefined;
      return [{ ...plain(input), value, dataType: target, elements: whole }];
    },
  },
];
