import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { decodeImage } from "../../../../src/data/images/decode-image.ts";
import { imageSample } from "../../../../src/data/images/image-sample.ts";
import { greyPng, png } from "../../../support/image-files.ts";

interface Goldens {
  /** Files in base64 by name. */
  readonly files: Readonly<Record<string, string>>;
  readonly cases: readonly {
    readonly file: string;
    readonly shape: readonly [1 | 3, number, number];
    readonly values: readonly number[];
  }[];
}

const file = new URL("../../../oracles/images.json.gz", import.meta.url);
const { files, cases } = JSON.parse(gunzipSync(await readFile(file)).toString()) as Goldens;

const bytesOf = (name: string) => new Uint8Array(Buffer.from(files[name] ?? "", "base64"));

/**
 * PNG is exact but for the rounding of float32 and of the goldens. JPEG leaves the rounding of the cosine
 * transform and of colours to the decoder: a few levels of 255; and more where colours of half the size are
 * scaled up, which Pillow's decoder interpolates and this one repeats.
 */
const tolerance = (name: string) =>
  name.endsWith(".png") ? 2e-6 : (name.startsWith("rgb") ? 20 : 4) / 255;

describe("images are decoded and resized as by Pillow and PyTorch", () => {
  it.each(cases)("$file as $shape", ({ file: name, shape, values }) => {
    const [channels, height, width] = shape;
    const form = { height, width, channels, layout: "NCHW", range: [0, 1] } as const;
    const sample = imageSample(decodeImage(bytesOf(name), name), form);
    let largest = 0;
    for (const [index, value] of values.entries()) {
      largest = Math.max(largest, Math.abs(value - (sample[index] as number)));
    }
    expect(sample.length).toBe(values.length);
    expect(largest).toBeLessThan(tolerance(name));
    const last = imageSample(decodeImage(bytesOf(name), name), { ...form, layout: "NHWC" });
    expect(last[channels - 1]).toBe(sample[(channels - 1) * height * width]);
    const wide = imageSample(decodeImage(bytesOf(name), name), { ...form, range: [-1, 1] });
    expect(wide[0]).toBeCloseTo(2 * (sample[0] as number) - 1, 5);
  });
});

describe("hostile and damaged images are refused with a sentence", () => {
  const rgbPng = bytesOf("rgb.png");
  const rgbJpeg = bytesOf("rgb.jpg");
  const huge = (bytes: Uint8Array, marker: number) => {
    const changed = bytes.slice();
    const start = changed.findIndex((byte, at) => byte === 0xff && changed[at + 1] === marker);
    changed.set([0xff, 0xff, 0xff, 0xff], start + 5);
    return changed;
  };
  it.each([
    ["text", new TextEncoder().encode("hello"), "a.png: is neither a PNG nor a JPEG"],
    ["nothing", new Uint8Array(), "a.png: is neither a PNG nor a JPEG"],
    [
      "60000×60000 pixels",
      png({ width: 60_000, height: 60_000 }, new Uint8Array(100)),
      "a.png: is an image of 60000×60000; at most 67108864 pixels are read",
    ],
    ["no pixels", png({ width: 0, height: 4 }, new Uint8Array(4)), "is an image of 0×4"],
    [
      "a decompression bomb",
      png({ width: 4, height: 4 }, new Uint8Array(50_000_000)),
      "a.png: expands to more than the 20 bytes of 4×4 pixels",
    ],
    [
      "fewer pixels",
      png({ width: 4, height: 4 }, new Uint8Array(15)),
      "has fewer pixels than its 4×4",
    ],
    [
      "a PNG cut off",
      rgbPng.subarray(0, 100),
      "a.png: is a PNG that is cut off within its chunk IDAT",
    ],
    ["a PNG's signature alone", rgbPng.subarray(0, 8), "a.png: is a PNG that is cut off"],
    [
      "unknown colours",
      png({ width: 4, height: 4, colour: 5 }, new Uint8Array(20)),
      "is no valid PNG: colour type 5 with 8 bits",
    ],
    [
      "interlaced bits",
      png({ width: 4, height: 4, depth: 1, interlace: 1 }, new Uint8Array(20)),
      "is an interlaced PNG of 1 bits, which is not read",
    ],
    ["a JPEG cut off", rgbJpeg.subarray(0, 500), "a.png: is a JPEG that is cut off: it has no end"],
    ["a huge JPEG", huge(rgbJpeg, 0xc0), "is an image of more than 67108864 pixels"],
    ["a JPEG of nothing", Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), "is no valid JPEG: "],
  ])("%s", (_, bytes, message) => {
    expect(() => decodeImage(bytes, "a.png")).toThrow(message);
  });

  it("a wrong filter, whose pixels would be anything", () => {
    const bytes = png({ width: 2, height: 1 }, Uint8Array.of(9, 1, 2));
    expect(() => decodeImage(bytes, "a.png")).toThrow("a.png: is no valid PNG: ");
    expect(decodeImage(greyPng(2, 1, 7), "a.png").values).toEqual(Uint8Array.of(7, 7));
  });
});
