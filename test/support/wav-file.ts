/** What a WAV file holds, and how. */
export interface WavFile {
  readonly rate?: number;
  readonly bits?: number;
  readonly float?: boolean;
  /** One list a channel, −1 … 1, all of one length. */
  readonly channels: readonly (readonly number[])[];
  /** 1 is PCM, 3 floating point; others for files that are not read. */
  readonly format?: number;
}

/** The bytes of a WAV file; with a chunk of odd length in front of the sound, as editors write them. */
export function wav({
  rate = 16_000,
  bits = 16,
  float = false,
  channels,
  format,
}: WavFile): Uint8Array {
  const width = bits / 8;
  const count = channels[0]?.length ?? 0;
  const data = Buffer.alloc(count * width * channels.length);
  for (let index = 0; index < count; index++) {
    for (const [channel, values] of channels.entries()) {
      const byte = (index * channels.length + channel) * width;
      const value = values[index] as number;
      if (float) bits === 64 ? data.writeDoubleLE(value, byte) : data.writeFloatLE(value, byte);
      else if (bits === 8) data.writeUInt8(Math.round(value * 127) + 128, byte);
      else data.writeIntLE(Math.round(value * (2 ** (bits - 1) - 1)), byte, width);
    }
  }
  const head = Buffer.alloc(16);
  head.writeUInt16LE(format ?? (float ? 3 : 1), 0);
  head.writeUInt16LE(channels.length, 2);
  head.writeUInt32LE(rate, 4);
  head.writeUInt32LE(rate * width * channels.length, 8);
  head.writeUInt16LE(width * channels.length, 12);
  head.writeUInt16LE(bits, 14);
  const chunks = [chunk("fmt ", head), chunk("note", Buffer.from("odd")), chunk("data", data)];
  return Buffer.concat([chunk("RIFF", Buffer.concat([Buffer.from("WAVE"), ...chunks]))]);
}

function chunk(name: string, data: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, "latin1");
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}
