import { imageAttributes, imageInput, imagePositions, readWindow, spatial } from "./image.ts";
import type { OperationRule } from "./operation-rule.ts";

/** Averages leave out the padding, as TensorFlow's do and ONNX's by default. */
function pooling(opType: "MaxPool" | "AveragePool"): OperationRule["build"] {
  return (operation) => {
    const kernel = spatial(operation, "ksize");
    const window = kernel && readWindow(operation, kernel);
    if (window === undefined) return undefined;
    // What is padded by explicit numbers counts for TensorFlow's average.
    if (window.explicit !== undefined && opType === "AveragePool") return undefined;
    const image = imageInput(operation);
    const attributes = imageAttributes(image.positions, window);
    const value = operation.add("main", opType, [image.value], attributes);
    return [image.result(value, image.channels, imagePositions(image.positions, window))];
  };
}

export const poolingOperators: readonly OperationRule[] = [
  { operators: ["MaxPool"], build: pooling("MaxPool") },
  { operators: ["AvgPool"], build: pooling("AveragePool") },
];
