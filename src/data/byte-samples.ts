import { createHash } from "node:crypto";
import type { SampleReader } from "./dataset.ts";

export interface ByteImages {
  /** Samples one after the other; of each, its channels one after the other, rows from the top. */
  readonly bytes: Uint8Array;
  readonly channels: number;
  /** Of one channel. */
  readonly pixels: number;
  /** Where the channels of a sample are to stand. */
  readonly layout: "NCHW" | "NHWC";
  /** What 0 and 255 become. */
  readonly range: readonly [black: number, white: number];
}

/** Images that stay bytes in memory, a fourth of what they are as float32, and become numbers in the batch. */
export class ByteSamples implements SampleReader {
  readonly fingerprint: string;
  readonly #images: ByteImages;
  readonly #numbers: Float32Array;

  constructor(images: ByteImages) {
    const { bytes, range, ...form } = images;
    const [black, white] = range;
    this.#images = images;
    this.#numbers = Float32Array.from(
      { length: 256 },
      (_, byte) => black + ((white - black) * byte) / 255,
    );
    const hash = createHash("sha256").update(JSON.stringify({ range, ...form }));
    this.fingerprint = hash.update(bytes).digest("hex");
  }

  read(rows: Int32Array, into: Float32Array): void {
    const { bytes, channels, pixels, layout } = this.#images;
    const size = channels * pixels;
    const [channelStep, pixelStep] = layout === "NCHW" ? [pixels, 1] : [1, channels];
    for (const [slot, row] of rows.entries()) {
      for (let channel = 0; channel < channels; channel++) {
        const from = row * size + channel * pixels;
        const to = slot * size + channel * channelStep;
        for (let pixel = 0; pixel < pixels; pixel++) {
          into[to + pixel * pixelStep] = this.#numbers[bytes[from + pixel] as number] as number;
        }
      }
    }
  }
}
