import { DataType } from "../../graph/data-type.ts";
import { float32Tensor } from "../../graph/tensor.ts";
import type { Size } from "../layers/layer-value.ts";
import { imageInput } from "./image.ts";
import type { Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { TensorValue } from "./tensor-value.ts";

/** Scales that say every size exactly: whole numbers, and halves, quarters, … of a size they divide. */
function exactScale(from: Size, to: Size): number | undefined {
  if (from === null || to === null || from < 1 || to < 1) return undefined;
  const scale = to / from;
  const exact = Number.isInteger(scale) || Number.isInteger(Math.log2(scale));
  return exact ? scale : undefined;
}

/** An image of the sizes that the second input states. */
function resize(mode: "linear" | "nearest"): OperationRule["build"] {
  return (operation) => {
    const { attributes, builder } = operation;
    const image = imageInput(operation);
    const stated = operation.input(1).elements;
    const positions = stated?.length === 2 ? stated : [null, null];
    const corners = attributes.flag("align_corners");
    const centres = attributes.flag("half_pixel_centers");
    const coordinates = corners ? "align_corners" : centres ? "half_pixel" : "asymmetric";
    // Nearest is ⌊i·s⌋, or the nearest of two ends or centres with a tie going up.
    const rounding = corners || centres ? "round_prefer_ceil" : "floor";
    const options = {
      mode: { string: mode },
      coordinate_transformation_mode: { string: coordinates },
      ...(mode === "nearest" ? { nearest_mode: { string: rounding } } : {}),
    };
    const scales = image.positions.map((size, axis) => exactScale(size, positions[axis] ?? null));
    const operands = scales.includes(undefined)
      ? [image.value, "", "", targetSizes(operation, image.value)]
      : [
          image.value,
          "",
          builder.shared(`scales:${scales}`, (name) =>
            float32Tensor(name, [4], [1, 1, ...(scales as number[])]),
          ),
        ];
    const value = operation.add("main", "Resize", operands, options);
    return [image.result(value, image.channels, positions)];
  };
}

/** (N, C) as they are, and the sizes asked for. */
function targetSizes(operation: Operation, value: string): string {
  const shape = operation.add("shape", "Shape", [value], { end: { int: 2 } });
  return operation.add("sizes", "Concat", [shape, operation.sizes(1)], { axis: { int: 0 } });
}

/** Numbers before and behind each axis, which the second input states. */
function padding(operation: Operation): readonly TensorValue[] | undefined {
  const { node, attributes, builder } = operation;
  const input = operation.input(0);
  const shape = operation.shape(0);
  const stated = operation.numbers(1);
  if (stated === undefined) return undefined;
  if (stated.length !== 2 * shape.length || stated.some((size) => size < 0)) {
    operation.refuse(`its paddings are [${stated}]; ${2 * shape.length} sizes are needed`);
  }
  const mirror = node.op === "MirrorPad";
  if (mirror && attributes.word("mode", ["REFLECT", "SYMMETRIC"]) === "SYMMETRIC") return undefined;
  const order = shape.map((_, axis) => axis);
  if (input.moved) order.splice(1, order.length - 1, order.length - 1, ...order.slice(1, -1));
  const pads = [0, 1].flatMap((end) => order.map((axis) => stated[2 * axis + end] ?? 0));
  const constant = operation.constant(0);
  const fill = node.op === "PadV2" ? [operation.operand(2)] : [];
  const value = operation.add(
    "main",
    "Pad",
    [constant ?? input.value, builder.ints(pads), ...fill],
    mirror ? { mode: { string: "reflect" } } : {},
  );
  const sizes = shape.map((size, axis) =>
    size === null ? null : size + (stated[2 * axis] ?? 0) + (stated[2 * axis + 1] ?? 0),
  );
  return [{ value, moved: input.moved, shape: sizes, dataType: input.dataType }];
}

/** Copies of the value behind each other, as many along each axis as the second input states. */
function tile(operation: Operation): readonly TensorValue[] {
  const { shape, dataType } = operation.input(0);
  const times = operation.input(1).elements;
  const value = operation.add("main", "Tile", [operation.operand(0), operation.sizes(1)]);
  const sizes = shape?.map((size, axis): Size => {
    const copies = times?.[axis] ?? null;
    return size === null || copies === null ? null : size * copies;
  });
  return [{ value, moved: false, shape: sizes, dataType }];
}

/** One number at every place of the sizes that the first input states. */
function fill(operation: Operation): readonly TensorValue[] {
  const { dataType } = operation.input(1);
  const value = operation.add("main", "Expand", [operation.operand(1), operation.sizes(0)]);
  const sizes = operation.input(0).elements;
  return [{ value, moved: false, shape: sizes, dataType }];
}

function range(operation: Operation): readonly TensorValue[] {
  const operands = [0, 1, 2].map((index) => operation.operand(index));
  const value = operation.add("main", "Range", operands);
  return [{ value, moved: false, shape: [null], dataType: operation.input(0).dataType }];
}

/** The value repeated along axes of size 1, to the shape that the second input states. */
function broadcastTo(operation: Operation): readonly TensorValue[] {
  const value = operation.add("main", "Expand", [operation.operand(0), operation.sizes(1)]);
  const { dataType } = operation.input(0);
  return [{ value, moved: false, shape: operation.input(1).elements, dataType }];
}

/** The sizes of a value, as int32. */
function shapeOf(operation: Operation): readonly TensorValue[] {
  const { shape } = operation.input(0);
  const sizes = operation.add("sizes", "Shape", [operation.operand(0)]);
  const value = operation.add("main", "Cast", [sizes], { to: { int: DataType.INT32 } });
  const rank = shape?.length ?? null;
  return [{ value, moved: false, shape: [rank], dataType: DataType.INT32, elements: shape }];
}

export const resizingOperators: readonly OperationRule[] = [
  { operators: ["ResizeBilinear"], build: resize("linear") },
  { operators: ["ResizeNearestNeighbor"], build: resize("nearest") },
  { operators: ["Pad", "PadV2", "MirrorPad"], build: padding },
  { operators: ["Tile"], build: tile },
  { operators: ["Fill"], build: fill },
  { operators: ["Range"], build: range },
  { operators: ["BroadcastTo"], build: broadcastTo },
  { operators: ["Shape"], build: shapeOf },
];
