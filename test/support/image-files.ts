import { crc32, deflateSync } from "node:zlib";

/** One chunk of a PNG. */
export function pngChunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length);
  bytes.write(type, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** What a PNG's header says. */
export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth?: number;
  /** 0 is grey, 2 is RGB. */
  readonly colour?: number;
  readonly interlace?: number;
}

/** A PNG with any header and any pixels, whether or not they belong together. */
export function png(header: PngHeader, filteredRows: Uint8Array): Uint8Array {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(header.width);
  head.writeUInt32BE(header.height, 4);
  head.set([header.depth ?? 8, header.colour ?? 0, 0, 0, header.interlace ?? 0], 8);
  return Buffer.concat([
    SIGNATURE,
    pngChunk("IHDR", head),
    pngChunk("IDAT", deflateSync(filteredRows)),
    pngChunk("IEND", new Uint8Array()),
  ]);
}

/** A grey image all of one value. */
export function greyPng(width: number, height: number, value: number): Uint8Array {
  const rows = new Uint8Array(height * (width + 1)).fill(value);
  for (let row = 0; row < height; row++) rows[row * (width + 1)] = 0;
  return png({ width, height }, rows);
}
