import { expect, test } from "vitest";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { float32Tensor, int64Tensor } from "../../../src/graph/tensor.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";

/** A row in front of the patches of each sample, as a ViT has it: expanded to the batch, then joined. */
function withRowInFront(name: string, dims: readonly number[], expanded: boolean): Graph {
  const builder = new GraphBuilder();
  const numbers = new Float32Array(dims.reduce((a, b) => a * b, 1));
  let row = builder.addInitializer(float32Tensor(name, dims, numbers));
  if (expanded) {
    const batch = builder.addInitializer(int64Tensor("onnx::batch", [3], [2, 1, 4]));
    row = builder.add("Expand", [row, batch]);
  }
  const joined = builder.add("Concat", [row, "x"], { attributes: { axis: { int: 1 } } });
  const y = builder.add("Identity", [joined], { stem: "y" });
  const input = makeValueInfo("x", DataType.FLOAT, [expanded ? 2 : 1, 3, 4]);
  return builder.build("rows", [input], [makeValueInfo(y, DataType.FLOAT, ["n", 4, 4])], 17);
}

test.each([
  ["expanded to the batch", true],
  ["joined as it is", false],
])("a class token, %s, is trained", (_, expanded) => {
  const found = trainableParameters(withRowInFront("encoder.class_token", [1, 1, 4], expanded));
  expect(found.map(({ name, role }) => [name, role])).toEqual([["encoder.class_token", "shift"]]);
});

test.each([
  ["what an exporter made", "onnx::Expand_12", [1, 1, 4]],
  ["a result that was folded", "/model/Constant_output_0", [1, 1, 4]],
  ["a value numbered by torch.onnx", "val_31", [1, 1, 4]],
  ["rows of their own for each sample", "starts", [2, 1, 4]],
] as const)("%s is not trained where it is joined", (_, name, dims) => {
  expect(trainableParameters(withRowInFront(name, dims, true))).toEqual([]);
});
