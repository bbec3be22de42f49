import { InputError } from "../../graph/input-error.ts";

/** A decoded sound in one channel. */
export interface Sound {
  /** Samples a second. */
  readonly rate: number;
  /** −1 … 1; the mean of the file's channels. */
  readonly values: Float32Array;
}

interface Format {
  readonly kind: "integer" | "float";
  readonly channels: number;
  readonly rate: number;
  readonly bits: number;
}

const PCM = 1;
const IEEE_FLOAT = 3;
const EXTENSIBLE = 0xfffe;

/** One sample at a byte as a number from −1 to 1; 8 bits are unsigned, all others signed. */
const SAMPLE_READERS: Readonly<Record<string, (view: DataView, byte: number) => number>> = {
  integer8: (view, byte) => (view.getUint8(byte) - 128) / 128,
  integer16: (view, byte) => view.getInt16(byte, true) / 2 ** 15,
  integer24: (view, byte) => (view.getUint8(byte) + view.getInt16(byte + 1, true) * 256) / 2 ** 23,
  integer32: (view, byte) => view.getInt32(byte, true) / 2 ** 31,
  float32: (view, byte) => view.getFloat32(byte, true),
  float64: (view, byte) => view.getFloat64(byte, true),
};

/**
 * Decodes a WAV file (Multimedia Programming Interface and Data Specifications 1.0, 1991): PCM of 8, 16, 24
 * and 32 bits, and floating point of 32 and 64.
 *
 * @throws InputError naming the file, and the field with its value.
 */
export function decodeWav(bytes: Uint8Array, file: string): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { format, data } = chunksOf(view, bytes, file);
  const read = SAMPLE_READERS[`${format.kind}${format.bits}`];
  if (read === undefined) {
    throw new InputError(`bitsPerSample: ${format.bits} (${format.kind}) is not read`, file);
  }
  const width = format.bits / 8;
  const count = Math.floor(data.byteLength / (width * format.channels));
  const values = new Float32Array(count);
  for (let index = 0; index < count; index++) {
    let sum = 0;
    for (let channel = 0; channel < format.channels; channel++) {
      sum += read(data, (index * format.channels + channel) * width);
    }
    if (!Number.isFinite(sum)) throw new InputError(`data: sample ${index} is ${sum}`, file);
    values[index] = sum / format.channels;
  }
  return { rate: format.rate, values };
}

function chunksOf(view: DataView, bytes: Uint8Array, file: string) {
  if (bytes.length < 12 || text(view, 0) !== "RIFF" || text(view, 8) !== "WAVE") {
    throw new InputError("is not a WAV file", file);
  }
  let format: Format | undefined;
  for (let position = 12; position + 8 <= bytes.length; ) {
    const [name, length] = [text(view, position), view.getUint32(position + 4, true)];
    const start = position + 8;
    if (start + length > bytes.length) {
      const there = bytes.length - start;
      throw new InputError(
        `is cut off: its chunk ${JSON.stringify(name)} has ${length} bytes, but ${there} follow`,
        file,
      );
    }
    const chunk = new DataView(bytes.buffer, bytes.byteOffset + start, length);
    if (name === "fmt ") format = formatOf(chunk, file);
    if (name === "data" && format !== undefined) return { format, data: chunk };
    // Chunks of odd length are followed by a byte that belongs to none.
    position = start + length + (length % 2);
  }
  throw new InputError(`has no ${format === undefined ? "format (fmt)" : "sound (data)"}`, file);
}

function formatOf(chunk: DataView, file: string): Format {
  if (chunk.byteLength < 16) throw new InputError("fmt: is cut off", file);
  const tag = chunk.getUint16(0, true);
  // The extensible form has the tag proper at the beginning of an identifier behind it.
  const extended = tag === EXTENSIBLE && chunk.byteLength >= 26;
  const proper = extended ? chunk.getUint16(24, true) : tag;
  if (proper !== PCM && proper !== IEEE_FLOAT) {
    throw new InputError(
      `format: ${proper} is compressed sound, which is not read; save it as PCM`,
      file,
    );
  }
  const [channels, rate] = [chunk.getUint16(2, true), chunk.getUint32(4, true)];
  if (channels < 1 || channels > 64)
    throw new InputError(`channels: ${channels}; 1 to 64 are read`, file);
  if (rate < 100 || rate > 384_000) {
    throw new InputError(`sampleRate: ${rate}; 100 to 384000 are read`, file);
  }
  const kind = proper === PCM ? "integer" : "float";
  return { kind, channels, rate, bits: chunk.getUint16(14, true) };
}

function text(view: DataView, start: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((index) => view.getUint8(start + index)));
}
