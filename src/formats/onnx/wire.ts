import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { InputError } from "../../graph/input-error.ts";
import { refusing } from "./decode.ts";

/** One field occurrence in an encoded message, located but not decoded. */
export interface Field {
  readonly number: number;
  readonly wireType: WireType;
  /** The whole occurrence, tag included. */
  readonly bytes: Uint8Array;
  /** The value alone; for length-delimited fields without the length. */
  readonly value: Uint8Array;
}

/**
 * The top-level fields of an encoded message, as views on its bytes.
 *
 * @param where what the message is, for the refusal ("graph.initializer[3]").
 * @throws InputError when the bytes end inside a field or are no protobuf.
 */
export function* scanFields(message: Uint8Array, where: string): Generator<Field> {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    let number: number;
    let wireType: WireType;
    let valueStart: number;
    try {
      [number, wireType] = reader.tag();
      if (wireType === WireType.LengthDelimited) {
        const length = reader.uint32();
        valueStart = reader.pos;
        if (valueStart + length > reader.len) {
          throw new RangeError(`needs ${length} bytes, ${reader.len - valueStart} are left`);
        }
        reader.pos += length;
      } else {
        valueStart = reader.pos;
        reader.skip(wireType, number);
      }
    } catch (error) {
      throw new InputError(`${where} at byte ${start}: ${plain(error)} (truncated or not ONNX)`);
    }
    yield {
      number,
      wireType,
      bytes: message.subarray(start, reader.pos),
      value: message.subarray(valueStart, reader.pos),
    };
  }
}

function plain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The number in a varint field, exact up to 2^53.
 *
 * @param where the field, for the refusal.
 */
export function varintValue(field: Field, where: string): number {
  return refusing(where, () => Number(new BinaryReader(field.value).int64()));
}
