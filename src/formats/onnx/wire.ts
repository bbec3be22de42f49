import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { InputError } from "../../graph/input-error.ts";
import { type Contents, memoryContents } from "./contents.ts";
import { refusing } from "./decode.ts";

/** The longest tag and length together. */
const HEADER_BYTES = 20;

/** A part of a model's contents: an encoded message, a field or its value. */
export class Encoded {
  constructor(
    private readonly contents: Contents,
    readonly start: number,
    readonly end: number,
  ) {}

  static of(bytes: Uint8Array): Encoded {
    return new Encoded(memoryContents(bytes), 0, bytes.length);
  }

  get byteLength(): number {
    return this.end - this.start;
  }

  /** Whether bytes has nothing to read from a file. */
  get inMemory(): boolean {
    return this.contents.complete;
  }

  /** A view; what was in the file stays in memory from then on. */
  get bytes(): Uint8Array {
    this.contents.load(this.start, this.end);
    return this.contents.memory.subarray(this.start, this.end);
  }

  /** Puts the bytes from start on into the caller's memory; what is in the file only is not kept. */
  copyInto(target: Uint8Array, start: number): void {
    this.contents.copyInto(target, this.start + start);
  }

  part(start: number, end: number): Encoded {
    return new Encoded(this.contents, start, end);
  }

  /** Memory in which the bytes from a position on are valid, as far as asked for. */
  valid(start: number, byteLength: number): Uint8Array {
    this.contents.load(start, Math.min(start + byteLength, this.end));
    return this.contents.memory;
  }
}

/** One field occurrence in an encoded message, located but not decoded. */
export class Field {
  constructor(
    private readonly message: Encoded,
    readonly number: number,
    readonly wireType: WireType,
    private readonly start: number,
    private readonly valueStart: number,
    private readonly end: number,
  ) {}

  /** The whole occurrence, tag included. */
  get whole(): Encoded {
    return this.message.part(this.start, this.end);
  }

  /** The value alone; for length-delimited fields without the length. */
  get content(): Encoded {
    return this.message.part(this.valueStart, this.end);
  }

  get value(): Uint8Array {
    return this.content.bytes;
  }
}

/**
 * The top-level fields of an encoded message. Of what lies in a file, only their headers are read.
 *
 * @param where what the message is, for the refusal ("graph.initializer[3]").
 * @throws InputError when the bytes end inside a field or are no protobuf.
 */
export function scanFields(message: Encoded, where: string): readonly Field[] {
  const { start: first, end } = message;
  const reader = new BinaryReader(message.valid(first, 0).subarray(first, end));
  const fields: Field[] = [];
  let start = 0;
  try {
    while (reader.pos < reader.len) {
      start = reader.pos;
      message.valid(first + start, HEADER_BYTES);
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
        // A group ends where its last field does.
        if (wireType === WireType.StartGroup) message.valid(first + start, end);
        reader.skip(wireType, number);
      }
      fields.push(
        new Field(message, number, wireType, first + start, first + valueStart, first + reader.pos),
      );
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
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
