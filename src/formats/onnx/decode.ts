import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { InputError } from "../../graph/input-error.ts";

/**
 * Decodes a message.
 *
 * @param where what the message is, for the refusal ("graph.node[3]").
 * @throws InputError when the bytes are no such message.
 */
export function decode<Schema extends DescMessage>(
  schema: Schema,
  bytes: Uint8Array,
  where: string,
): MessageShape<Schema> {
  return refusing(where, () => fromBinary(schema, bytes));
}

/** What read returns; the decoder's complaints about the bytes become refusals. */
export function refusing<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${where} cannot be decoded: ${complaint(error)}`);
  }
}

function complaint(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.includes("call stack") ? "it is nested too deeply" : message;
}
