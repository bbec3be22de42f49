import { DataType } from "../../graph/data-type.ts";
import { float16ToNumber } from "../../graph/numbers.ts";
import type { WeightEntry } from "./manifest.ts";

/** The numbers of a quantized weight, as TensorFlow.js makes them: scale · q + min, rounded once. */
export function dequantized(entry: WeightEntry, bytes: Uint8Array): Uint8Array {
  const { quantization, dataType } = entry;
  if (quantization === undefined) return bytes;
  const { stored, scale, min } = quantization;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length / (stored === "uint8" ? 1 : 2);
  const value = (index: number): number => {
    if (stored === "uint8") return view.getUint8(index) * scale + min;
    const word = view.getUint16(2 * index, true);
    return stored === "uint16" ? word * scale + min : float16ToNumber(word);
  };
  if (dataType === DataType.BOOL) {
    return Uint8Array.from({ length: count }, (_, index) => Math.round(value(index)));
  }
  const array =
    dataType === DataType.INT32
      ? Int32Array.from({ length: count }, (_, index) => Math.round(value(index)))
      : Float32Array.from({ length: count }, (_, index) => value(index));
  return new Uint8Array(array.buffer);
}
