import { seededRandom } from "../../src/data/random.ts";
import { GraphBuilder, makeValueInfo } from "../../src/graph/builder.ts";
import { DataType } from "../../src/graph/data-type.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { float32Tensor } from "../../src/graph/tensor.ts";

/** Units of each of the 64 pixels. */
const WIDTH = 192;

/**
 * A network of one megabyte whose training step takes about half a second with a thousand of the digits
 * on two cores: x[N, 1, 8, 8] → WIDTH units for each pixel → three dense layers → mean → logits[N, 10].
 */
export function longSteps(): Graph {
  const random = seededRandom(5);
  const builder = new GraphBuilder(["x"]);
  const weight = (name: string, dims: readonly number[], scale: number) => {
    const count = dims.reduce((product, size) => product * size, 1);
    const values = Float32Array.from({ length: count }, () => scale * random.normal());
    return builder.addInitializer(float32Tensor(name, dims, values));
  };
  const pixels = builder.add("Reshape", ["x", builder.ints([0, 64, 1])], { name: "pixels" });
  let value = builder.add("MatMul", [pixels, weight("spread.w", [1, WIDTH], 1)], {
    name: "spread",
  });
  for (let layer = 1; layer <= 3; layer++) {
    const w = weight(`dense${layer}.w`, [WIDTH, WIDTH], Math.sqrt(2 / WIDTH));
    const dense = builder.add("MatMul", [value, w], { name: `dense${layer}` });
    value = builder.add("Relu", [dense], { name: `relu${layer}` });
  }
  const mean = builder.add("ReduceMean", [value, builder.ints([1])], {
    name: "mean",
    attributes: { keepdims: { int: 0 } },
  });
  const logits = builder.add("MatMul", [mean, weight("head.w", [WIDTH, 10], 0.1)], {
    name: "head",
  });
  return builder.build(
    "long-steps",
    [makeValueInfo("x", DataType.FLOAT, ["N", 1, 8, 8])],
    [makeValueInfo(logits, DataType.FLOAT, ["N", 10])],
    18,
  );
}
