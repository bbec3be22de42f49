import { deflateSync, inflateSync } from "node:zlib";
import { convertIndexedToRgb, type DecodedPng, decode } from "fast-png";
import { InputError } from "../../graph/input-error.ts";
import { MOST_PIXELS, type Pixels } from "./pixels.ts";

export const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** What the pixels need; comments, profiles and times are left out, which may be compressed too. */
const NEEDED_CHUNKS = ["IHDR", "PLTE", "IDAT", "IEND"];

/** Channels by colour type (PNG specification, 11.2.2); 3 is an index into a palette. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly channels: number;
  readonly indexed: boolean;
  readonly interlaced: boolean;
}

/**
 * Decodes a PNG of any colour type and depth; 1, 2 and 4 bits become 8, a palette becomes RGB.
 *
 * The size is checked before anything is decompressed. The pixels are decompressed here, into no more bytes
 * than that size needs, since the decoder would go on for as long as a hostile file wants it to; it gets
 * them as they are.
 *
 * @throws InputError naming the file and what is wrong with it.
 */
export function decodePng(bytes: Uint8Array, file: string): Pixels {
  const chunks = chunksOf(bytes, file);
  const header = headerOf(chunks, file);
  const plain = inflatePixels(chunks, header, file);
  try {
    const image = decode(assemble(chunks, plain), { checkCrc: false });
    return header.indexed ? withPalette(image, header) : withoutPalette(image, header);
  } catch (error) {
    throw new InputError(
      `is no valid PNG: ${error instanceof Error ? error.message : error}`,
      file,
    );
  }
}

function chunksOf(bytes: Uint8Array, file: string): readonly Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  let position = PNG_SIGNATURE.length;
  while (chunks.at(-1)?.type !== "IEND") {
    if (position + 12 > bytes.length) throw new InputError("is a PNG that is cut off", file);
    const length = view.getUint32(position);
    const type = String.fromCharCode(...bytes.subarray(position + 4, position + 8));
    const end = position + 8 + length;
    if (end + 4 > bytes.length) {
      throw new InputError(`is a PNG that is cut off within its chunk ${printable(type)}`, file);
    }
    if (NEEDED_CHUNKS.includes(type))
      chunks.push({ type, data: bytes.subarray(position + 8, end) });
    position = end + 4;
  }
  return chunks;
}

function printable(type: string): string {
  return /^[A-Za-z]{4}$/.test(type) ? type : "(unknown)";
}

function headerOf([first]: readonly Chunk[], file: string): Header {
  if (first?.type !== "IHDR" || first.data.length !== 13) {
    throw new InputError("is no valid PNG: it does not begin with its size (IHDR)", file);
  }
  const view = new DataView(first.data.buffer, first.data.byteOffset, 13);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colour, interlace] = [view.getUint8(8), view.getUint8(9), view.getUint8(12)];
  const channels = CHANNELS[colour];
  if (width === 0 || height === 0 || width * height > MOST_PIXELS) {
    throw new InputError(
      `is an image of ${width}×${height}; at most ${MOST_PIXELS} pixels are read`,
      file,
    );
  }
  if (channels === undefined || ![1, 2, 4, 8, 16].includes(depth)) {
    throw new InputError(`is no valid PNG: colour type ${colour} with ${depth} bits`, file);
  }
  if (interlace !== 0 && depth < 8) {
    throw new InputError(
      `is an interlaced PNG of ${depth} bits, which is not read; save it without interlacing`,
      file,
    );
  }
  return { width, height, depth, channels, indexed: colour === 3, interlaced: interlace !== 0 };
}

/** Bytes of the filtered rows: each begins with the number of its filter. */
function filteredBytes({ width, height, depth, channels, interlaced }: Header): number {
  const rows = (columns: number, lines: number) =>
    columns > 0 && lines > 0 ? lines * (1 + Math.ceil((columns * depth * channels) / 8)) : 0;
  if (!interlaced) return rows(width, height);
  // Adam7's passes: first column and row, and steps (PNG specification, 8.2).
  const passes = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ] as const;
  return passes.reduce(
    (sum, [x, y, stepX, stepY]) =>
      sum + rows(Math.ceil((width - x) / stepX), Math.ceil((height - y) / stepY)),
    0,
  );
}

function inflatePixels(chunks: readonly Chunk[], header: Header, file: string): Uint8Array {
  const needed = filteredBytes(header);
  const data = chunks.filter(({ type }) => type === "IDAT").map((chunk) => chunk.data);
  try {
    const plain = inflateSync(Buffer.concat(data), { maxOutputLength: needed });
    if (plain.length === needed) return plain;
  } catch (error) {
    const tooLarge = error instanceof RangeError;
    throw new InputError(
      tooLarge
        ? `expands to more than the ${needed} bytes of ${header.width}×${header.height} pixels`
        : "is a PNG whose pixels are damaged or cut off",
      file,
    );
  }
  throw new InputError(`has fewer pixels than its ${header.width}×${header.height}`, file);
}

/** A PNG of the needed chunks with its pixels stored, not compressed. Nobody checks the checksums. */
function assemble(chunks: readonly Chunk[], plain: Uint8Array): Uint8Array {
  const stored = { type: "IDAT", data: deflateSync(plain, { level: 0 }) };
  const others = chunks.filter(({ type }) => type !== "IDAT");
  const ordered = [...others.slice(0, -1), stored, ...others.slice(-1)];
  const parts = ordered.flatMap(({ type, data }) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(data.length);
    head.write(type, 4, "latin1");
    return [head, data, Buffer.alloc(4)];
  });
  return Buffer.concat([Uint8Array.from(PNG_SIGNATURE), ...parts]);
}

function withPalette(image: DecodedPng, { width, height }: Header): Pixels {
  const values = convertIndexedToRgb({ ...image, transparency: new Uint16Array() });
  return { width, height, channels: values.length / (width * height), values, white: 255 };
}

function withoutPalette({ data }: DecodedPng, { width, height, depth, channels }: Header): Pixels {
  const white = 2 ** Math.max(depth, 8) - 1;
  const values = depth < 8 ? unpacked(data as Uint8Array, width, height, depth) : data;
  return { width, height, channels, values, white };
}

/** Grey of 1, 2 or 4 bits, several in a byte and each row in bytes of its own, as 0 … 255. */
function unpacked(packed: Uint8Array, width: number, height: number, depth: number): Uint8Array {
  const lineBytes = Math.ceil((width * depth) / 8);
  const scale = 255 / (2 ** depth - 1);
  const values = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const bit = column * depth;
      const byte = packed[row * lineBytes + (bit >> 3)] as number;
      const value = (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
      values[row * width + column] = value * scale;
    }
  }
  return values;
}
