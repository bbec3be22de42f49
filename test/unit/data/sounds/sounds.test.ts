import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSamples } from "../../../../src/data/dataset.ts";
import { openDataset } from "../../../../src/data/open-dataset.ts";
import { resample } from "../../../../src/data/sounds/resample.ts";
import { decodeWav } from "../../../../src/data/sounds/wav.ts";
import { temporaryFolder } from "../../../support/repository.ts";
import { wav } from "../../../support/wav-file.ts";

const left = [0, 0.5, -0.5, 0.25, -1];
const right = [0, 0.25, 0.5, -0.25, 1];

const tone = (hertz: number, rate: number, seconds: number) =>
  Float32Array.from({ length: rate * seconds }, (_, n) =>
    Math.sin((2 * Math.PI * hertz * n) / rate),
  );

describe("WAV", () => {
  it.each([
    { bits: 8, float: false },
    { bits: 16, float: false },
    { bits: 24, float: false },
    { bits: 32, float: false },
    { bits: 32, float: true },
    { bits: 64, float: true },
  ])("of $bits bits (floating point: $float) is read, two channels as their mean", (format) => {
    // A step of the format, and what the largest value falls short of 1 in integers.
    const step = format.float ? 1e-7 : 2 * 2 ** (1 - format.bits);
    const one = decodeWav(wav({ ...format, channels: [left] }), "a.wav");
    expect(one.rate).toBe(16_000);
    for (const [n, value] of left.entries()) {
      expect(Math.abs((one.values[n] as number) - value)).toBeLessThanOrEqual(step);
    }
    const two = decodeWav(wav({ ...format, channels: [left, right] }), "a.wav");
    for (const [n, value] of left.entries()) {
      const mean = (value + (right[n] as number)) / 2;
      expect(Math.abs((two.values[n] as number) - mean)).toBeLessThanOrEqual(step);
    }
  });

  const whole = wav({ channels: [left] });
  const changed = (at: number, ...bytes: number[]) => {
    const copy = Uint8Array.from(whole);
    copy.set(bytes, at);
    return copy;
  };
  it.each([
    ["text", new TextEncoder().encode("hello, hello"), "a.wav: is not a WAV file"],
    [
      "a file cut off",
      whole.subarray(0, -3),
      'a.wav: is cut off: its chunk "data" has 10 bytes, but 7 follow',
    ],
    ["no sound", whole.subarray(0, 36), "a.wav: has no sound (data)"],
    ["ADPCM", changed(20, 2, 0), "a.wav: format: 2 is compressed sound, which is not read"],
    ["12 bits", changed(34, 12, 0), "a.wav: bitsPerSample: 12 (integer) is not read"],
    ["no channels", changed(22, 0, 0), "a.wav: channels: 0; 1 to 64 are read"],
    ["no rate", changed(24, 0, 0, 0, 0), "a.wav: sampleRate: 0; 100 to 384000 are read"],
    [
      "NaN",
      wav({ bits: 32, float: true, channels: [[0, Number.NaN]] }),
      "a.wav: data: sample 1 is NaN",
    ],
  ])("%s is refused with a sentence", (_, bytes, message) => {
    expect(() => decodeWav(bytes, "a.wav")).toThrow(message);
  });
});

describe("resampling", () => {
  it.each([
    [44_100, 16_000],
    [16_000, 8_000],
    [8_000, 16_000],
    [22_050, 48_000],
  ])("keeps a tone that both rates %d and %d can have", (from, to) => {
    const result = resample(tone(1000, from, 0.2), from, to);
    const wanted = tone(1000, to, 0.2);
    expect(Math.abs(result.length - wanted.length)).toBeLessThanOrEqual(1);
    // Away from the ends, where half of what the low-pass reaches is missing.
    for (let n = Math.floor(0.02 * to); n < 0.18 * to; n++) {
      expect(Math.abs((result[n] as number) - (wanted[n] as number))).toBeLessThan(1e-3);
    }
  });

  it("takes away what the lower rate cannot have, instead of folding it down: below −60 dB", () => {
    const result = resample(tone(6000, 16_000, 0.2), 16_000, 8000);
    const middle = result.subarray(160, 1440);
    expect(Math.max(...middle.map(Math.abs))).toBeLessThan(1e-3);
  });

  it("keeps a constant", () => {
    const result = resample(new Float32Array(4000).fill(0.5), 44_100, 16_000);
    for (const value of result.subarray(200, 1200)) expect(value).toBeCloseTo(0.5, 6);
  });
});

describe("a folder of sounds", () => {
  const numbersOf = async (folder: string, options: object, sampleShape?: readonly number[]) => {
    const input = sampleShape === undefined ? undefined : { name: "x", sampleShape };
    const data = await openDataset(folder, { options, input });
    const [length = 0] = data.sampleShape;
    const numbers = new Float32Array(2 * length);
    await readSamples(data, Int32Array.of(0, 1), numbers);
    return { data, numbers };
  };

  it("has one length, by cutting and by silence, and one rate", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "no"));
    await mkdir(join(folder, "yes"));
    await writeFile(join(folder, "no", "1.wav"), wav({ rate: 8000, channels: [[0.5, 0.5, 0.5]] }));
    await writeFile(join(folder, "yes", "1.wav"), wav({ rate: 8000, channels: [[1, 1, 1, 1, 1]] }));
    const { data, numbers } = await numbersOf(folder, {});
    expect(data).toMatchObject({ count: 2, sampleShape: [3] });
    expect(data.targets).toMatchObject({ classNames: ["no", "yes"] });
    expect(numbers[5]).toBeCloseTo(1, 3);
    const longer = await numbersOf(folder, { seconds: 0.001 });
    expect(longer.data.sampleShape).toEqual([8]);
    expect([...longer.numbers.subarray(3, 8)]).toEqual([0, 0, 0, 0, 0]);
    expect([...longer.numbers.subarray(13)]).toEqual([0, 0, 0]);
    expect((await numbersOf(folder, {}, [1, 4])).data.sampleShape).toEqual([4]);
    expect((await numbersOf(folder, { sampleRate: 16_000 })).data.sampleShape).toEqual([6]);
  });
});
