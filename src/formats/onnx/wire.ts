import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { InputError } from "../../graph/input-error.ts";
import { refusing } from "./decode.ts";

/** One field occurrence in an encoded message, located but not decoded. */
export class Field {
  constructor(
    private readonly message: Uint8Array,
    readonly number: number,
    readonly wireType: WireType,
    private readonly start: number,
    private readonly valueStart: number,
    private readonly end: number,
  ) {}

  /** The whole occurrence, tag included. */
  get bytes(): Uint8Array {
    return this.message.subarray(this.start, this.end);
  }

  /** The value alone; for length-delimited fields without the length. */
  get value(): Uint8Array {
    return this.message.subarray(this.valueStart, this.end);
  }
}

/**
 * The top-level fields of an encoded message, as views on its bytes.
 *
 * @param where what the message is, for the refusal ("graph.initializer[3]").
 * @throws InputError when the bytes end inside a field or are no protobuf.
 */
export function scanFields(message: Uint8Array, where: string): readonly Field[] {
  const reader = new BinaryReader(message);
  const fields: Field[] = [];
  let start = 0;
  try {
    while (reader.pos < reader.len) {
      start = reader.pos;
      const [number, wireType] = reader.tag();
      let valueStart = reader.pos;
      if (wireType === WireType.LengthDelimited) {
        const length = reader.uint32();
        valueStart = reader.pos;
        if (valueStart + length > reader.len) {
          throw new RangeError(`needs ${length} bytes, ${reader.len - valueStart} are left`);
        }
        reader.pos += length;
      } else {
        reader.skip(wireType, number);
      }
      fields.push(new Field(message, number, wireType, start, valueStart, reader.pos));
    }
  } catch (error) {
    throw new InputError(`${where} at byte ${start}: ${plain(error)} (truncated or not ONNX)`);
  }
  return fields;
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
