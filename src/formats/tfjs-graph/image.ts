import type { AttributeValue } from "../../graph/attributes.ts";
import type { Size } from "../layers/layer-value.ts";
import { type Window, windowAttributes, windowPositions } from "../layers/window.ts";
import type { Operation } from "./operation.ts";
import type { TensorValue } from "./tensor-value.ts";

/** Images have two axes of positions. */
const AXES = 2;

/** An image as ONNX has it: (N, C, positions…). */
export interface Image {
  readonly value: string;
  readonly channels: Size;
  readonly positions: readonly Size[];
  /** The result's value, in the layout of the node. */
  result(value: string, channels: Size, positions: readonly Size[]): TensorValue;
}

export function channelsLast(operation: Operation): boolean {
  return operation.attributes.word("data_format", ["NHWC", "NCHW"]) === "NHWC";
}

/** @throws InputError where the input has not four axes. */
export function imageInput(operation: Operation, index = 0): Image {
  const input = operation.input(index);
  const shape = input.shape ?? [null, null, null, null];
  if (shape.length !== AXES + 2) {
    operation.refuse(`its input has ${shape.length} axes; ${AXES + 2} are needed`);
  }
  const known: TensorValue = { ...input, shape };
  const { dataType } = input;
  const [batch = null] = shape;
  if (channelsLast(operation)) {
    return {
      value: operandValue(operation, index, () => operation.channelsFirst(known)),
      channels: shape[AXES + 1] ?? null,
      positions: shape.slice(1, AXES + 1),
      result: (value, channels, positions) => {
        checkPositions(operation, positions);
        return { value, moved: true, shape: [batch, ...positions, channels], dataType };
      },
    };
  }
  return {
    value: operandValue(operation, index, () => operation.inFileOrder(known)),
    channels: shape[1] ?? null,
    positions: shape.slice(2),
    result: (value, channels, positions) => {
      checkPositions(operation, positions);
      return { value, moved: false, shape: [batch, channels, ...positions], dataType };
    },
  };
}

function operandValue(operation: Operation, index: number, other: () => string): string {
  if (operation.input(index).constant === undefined) return other();
  return operation.refuse("its input is a constant, where an image is needed");
}

function checkPositions(operation: Operation, positions: readonly Size[]): void {
  if (positions.some((size) => size !== null && size < 1)) {
    operation.refuse(`its window is larger than its input; the result would be [${positions}]`);
  }
}

/** A window with what is padded around the positions where the file says it number for number. */
export interface ImageWindow extends Window {
  /** Before and behind, axis by axis. */
  readonly explicit: readonly number[] | undefined;
}

/** Strides, dilations and padding of a convolution or pooling; undefined for one over other axes. */
export function readWindow(
  operation: Operation,
  kernel: readonly number[],
): ImageWindow | undefined {
  const strides = spatial(operation, "strides");
  const dilations = spatial(operation, "dilations");
  if (strides === undefined || dilations === undefined) return undefined;
  const padding = operation.attributes.word("padding", ["VALID", "SAME", "EXPLICIT"]);
  if (padding !== "EXPLICIT") {
    return { kernel, strides, dilations, padding: padding.toLowerCase(), explicit: undefined };
  }
  const pads = operation.attributes.integers("explicit_paddings");
  const first = channelsLast(operation) ? 1 : 2;
  if (pads.length !== 2 * (AXES + 2) || pads.some((size) => size < 0)) {
    operation.refuse(`its explicit_paddings are [${pads}]; ${2 * (AXES + 2)} sizes are needed`);
  }
  const explicit = pads.slice(2 * first, 2 * (first + AXES));
  return { kernel, strides, dilations, padding: "valid", explicit };
}

/** The numbers of the axes of positions; undefined where another axis has one that is not 1. */
export function spatial(operation: Operation, name: string): number[] | undefined {
  const stated = operation.attributes.integers(name);
  const list = stated.length === 0 ? [1, 1, 1, 1] : stated;
  if (list.length !== AXES + 2 || list.some((size) => size < 1 || size >= 2 ** 31)) {
    operation.refuse(`its ${name} are [${list}]; ${AXES + 2} sizes are needed`);
  }
  const first = channelsLast(operation) ? 1 : 2;
  const own = list.slice(first, first + AXES);
  const others = list.filter((_, axis) => axis < first || axis >= first + AXES);
  return others.every((size) => size === 1) ? own : undefined;
}

export function imageAttributes(
  positions: readonly Size[],
  window: ImageWindow,
): Record<string, AttributeValue> {
  const attributes = windowAttributes(positions, window);
  const { explicit } = window;
  if (explicit === undefined || explicit.every((size) => size === 0)) return attributes;
  const ends = (offset: number) => explicit.filter((_, index) => index % 2 === offset);
  return { ...attributes, pads: { ints: [...ends(0), ...ends(1)] } };
}

export function imagePositions(positions: readonly Size[], window: ImageWindow): Size[] {
  const { explicit } = window;
  const padded = positions.map((size, axis) =>
    size === null ? null : size + (explicit?.[2 * axis] ?? 0) + (explicit?.[2 * axis + 1] ?? 0),
  );
  return windowPositions(padded, window);
}
