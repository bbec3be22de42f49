import type { DataType } from "../../graph/data-type.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { LayerValue, Size } from "../layers/layer-value.ts";
import type { ConstantLayout } from "./constant-layout.ts";

/**
 * The result of a node. `shape` is in the order of the file, undefined where not even the number of
 * axes is known; where `moved` is set, the graph's value has its last axis as axis 1, as LayerValue says.
 */
export interface TensorValue {
  /** Its name in the graph; for a constant that of its Const. */
  readonly value: string;
  readonly shape: readonly Size[] | undefined;
  readonly moved: boolean;
  readonly dataType: DataType;
  /** The numbers of a Const. */
  readonly constant?: Tensor;
  /** What is known of the elements of a short list of whole numbers, or of one number. */
  readonly elements?: readonly Size[] | undefined;
}

/** A constant as a node of the graph reads it, and where the file's node reads it. */
export interface ConstantUse {
  /** The Const; undefined for a bias that the file goes without. */
  readonly stored: Tensor | undefined;
  readonly layout: ConstantLayout;
  /** The node of the file that reads it, and as which of its inputs; undefined without one. */
  readonly reader: { readonly node: string; readonly input: number } | undefined;
  /** The initializer's name; "" for nothing. */
  readonly value: string;
}

/** Where in the graph a constant is read. */
export interface ConstantPlace {
  /** The file's node whose part reads it. */
  readonly node: string;
  readonly part: string;
  readonly input: number;
  readonly use: ConstantUse;
}

/** With its number of axes known. */
export function isRanked(
  value: TensorValue,
): value is TensorValue & Pick<LayerValue, "shape" | "moved"> {
  return value.shape !== undefined;
}
