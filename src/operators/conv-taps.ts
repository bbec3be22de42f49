import type { GraphBuilder } from "../graph/builder.ts";
import { elementCount, float32Tensor } from "../graph/tensor.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import { reshape } from "./emit.ts";
import { coordinates } from "./shape-algebra.ts";

/** What a tap of the kernel reads of an image for an output, as row-major positions. */
export interface TapReading {
  readonly tap: number;
  readonly input: number;
  readonly output: number;
}

/**
 * A constant that is 1 for each reading of a window, at the element named for it, and 0 elsewhere.
 * Windows alike share one.
 *
 * @param purpose with the window, what tells constants apart.
 * @param dims of the constant, a matrix.
 */
export function tapConstant(
  builder: GraphBuilder,
  geometry: ConvGeometry,
  purpose: string,
  dims: readonly [rows: number, columns: number],
  element: (reading: TapReading) => readonly [row: number, column: number],
): string {
  const { kernel, strides, dilations, begin, sizes, outputSizes } = geometry;
  const key = [purpose, kernel, strides, dilations, begin, sizes, outputSizes].join(";");
  return builder.shared(`taps:${key}`, (name) => {
    const [rows, columns] = dims;
    const values = new Float32Array(rows * columns);
    for (let tap = 0; tap < elementCount(kernel); tap++) {
      for (let output = 0; output < elementCount(outputSizes); output++) {
        const input = inputRead(geometry, tap, output);
        if (input === undefined) continue;
        const [row, column] = element({ tap, input, output });
        values[row * columns + column] = 1;
      }
    }
    return float32Tensor(name, dims, values);
  });
}

/** Row-major position of the input that a tap reads for an output; undefined in the padding. */
function inputRead(geometry: ConvGeometry, tap: number, output: number): number | undefined {
  const offsets = coordinates(tap, geometry.kernel);
  const corners = coordinates(output, geometry.outputSizes);
  let position = 0;
  for (const [axis, size] of geometry.sizes.entries()) {
    const corner =
      (corners[axis] ?? 0) * (geometry.strides[axis] ?? 1) - (geometry.begin[axis] ?? 0);
    const read = corner + (offsets[axis] ?? 0) * (geometry.dilations[axis] ?? 1);
    if (read < 0 || read >= size) return undefined;
    position = position * size + read;
  }
  return position;
}

/** The bias (M) at every output, (M, O): adding a column to short rows takes several times longer. */
export function biasAtOutputs(
  builder: GraphBuilder,
  { filters, outputSizes }: ConvGeometry,
  bias: string,
): string {
  const column = reshape(builder, bias, [filters, 1]);
  return builder.add("Expand", [column, builder.ints([filters, elementCount(outputSizes)])]);
}
