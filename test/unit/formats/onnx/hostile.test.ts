import { execFileSync } from "node:child_process";
import { link, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseModel, readModel } from "../../../../src/formats/onnx/read.ts";
import { saveModel } from "../../../../src/formats/onnx/write.ts";
import { InputError } from "../../../../src/graph/input-error.ts";
import { modelWithWeight } from "../../../support/hostile-models.ts";
import { SAMPLES, temporaryFolder } from "../../../support/repository.ts";

const TEN_TO_THE_TWELFTH = 10n ** 12n;

describe("a refusal is one sentence that names the field and the value", () => {
  test.each([
    ["an empty file", new Uint8Array(), /the file is empty/],
    ["text", new TextEncoder().encode("import torch\nprint('hello')\n"), /contains text/],
    ["a ZIP", Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0), /ZIP archive/],
    ["a protobuf without a graph", Uint8Array.of(0x08, 0x08), /no graph/],
    [
      "10^12 elements",
      modelWithWeight({ dims: [TEN_TO_THE_TWELFTH], rawData: new Uint8Array(4) }),
      /initializer w: raw_data has 4 bytes.*needs 4000000000000/,
    ],
    [
      "10^12 elements in float_data",
      modelWithWeight({ dims: [TEN_TO_THE_TWELFTH], floatData: [1] }),
      /initializer w: its data fields have 4 bytes/,
    ],
    [
      "a product of sizes past 2^53",
      modelWithWeight({
        dims: [TEN_TO_THE_TWELFTH, TEN_TO_THE_TWELFTH],
        rawData: new Uint8Array(4),
      }),
      /initializer w: shape .* claims 10{24} elements/,
    ],
    ["a negative size", modelWithWeight({ dims: [-1n] }), /dims\[0\] is -1/],
    ["an unknown type", modelWithWeight({ dims: [1n], dataType: 99 }), /data_type 99/],
    [
      "too few elements",
      modelWithWeight({ dims: [4n], floatData: [1, 2, 3] }),
      /initializer w: its data fields have 3 elements, its shape needs 4/,
    ],
  ])("%s", (_, bytes, message) => {
    const read = () => {
      for (const tensor of parseModel(bytes).initializers.values()) tensor.data.read();
    };
    expect(read).toThrow(InputError);
    expect(read).toThrow(message);
  });
});

test("a file cut anywhere is refused, or still a model, and never crashes", async () => {
  const whole = await readFile(join(SAMPLES, "digits-cnn.onnx"));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (length) => {
      try {
        parseModel(whole.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    }),
    { numRuns: 300, seed: 1 },
  );
});

test("a file with flipped bytes is refused, or still a model, and never crashes", async () => {
  const whole = await readFile(join(SAMPLES, "digits-cnn.onnx"));
  const place = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(place, { minLength: 1, maxLength: 8 }), (flips) => {
      const bytes = new Uint8Array(whole);
      for (const [position, value] of flips) bytes[position] = value;
      try {
        parseModel(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    }),
    { numRuns: 500, seed: 2 },
  );
});

describe("external data stays inside the model's folder", () => {
  const external = (location: string, more: Readonly<Record<string, string>> = {}) =>
    modelWithWeight({ dims: [4n], external: { location, ...more } });

  async function modelIn(folder: string, bytes: Uint8Array): Promise<string> {
    const file = join(folder, "model.onnx");
    await writeFile(file, bytes);
    return file;
  }

  test.each([
    ["../../etc/passwd", /points outside the model's folder/],
    ["sub/../../secret", /points outside the model's folder/],
    ["/etc/passwd", /must be a relative path/],
    ["C:\\secret", /must be a relative path/],
    [".", /points outside|is not a regular file/],
    ["missing.data", /does not exist/],
    ["", /has no location/],
  ])("location %j", async (location, message) => {
    const file = await modelIn(await temporaryFolder(), external(location));
    await expect(readModel(file)).rejects.toThrow(message);
    await expect(readModel(file)).rejects.toThrow(file);
  });

  test("a symbolic link to outside is refused", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "inner"));
    await writeFile(join(folder, "secret"), new Uint8Array(16));
    await symlink(join(folder, "secret"), join(folder, "inner", "weights.data"));
    const file = await modelIn(join(folder, "inner"), external("weights.data"));
    await expect(readModel(file)).rejects.toThrow(/is a link to outside/);
  });

  test("a hard link is refused", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "secret"), new Uint8Array(16));
    await link(join(folder, "secret"), join(folder, "weights.data"));
    const file = await modelIn(folder, external("weights.data"));
    await expect(readModel(file)).rejects.toThrow(/hard link/);
  });

  test("a pipe is refused instead of waited for", async () => {
    const folder = await temporaryFolder();
    execFileSync("mkfifo", [join(folder, "weights.data")]);
    const file = await modelIn(folder, external("weights.data"));
    await expect(readModel(file)).rejects.toThrow(/not a regular file/);
  });

  test.each([
    [{ offset: "8" }, /ends at byte 24, but weights.data has 16/],
    [{ offset: "-4" }, /offset is "-4"/],
    [{ length: "1e3" }, /length is "1e3"/],
    [{ length: "12" }, /length is 12 bytes, its type and shape need 16/],
  ])("%j", async (more, message) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "weights.data"), new Uint8Array(16));
    const file = await modelIn(folder, external("weights.data", more));
    await expect(readModel(file)).rejects.toThrow(message);
  });
});

describe("saving", () => {
  test("into a missing folder names the file and leaves nothing", async () => {
    const folder = await temporaryFolder();
    const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    await expect(saveModel(graph, join(folder, "missing", "m.onnx"))).rejects.toThrow(
      /missing.*folder does not exist/,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  test("onto a folder leaves the folder and no temporary file", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "taken"));
    const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    await expect(saveModel(graph, join(folder, "taken"))).rejects.toThrow(InputError);
    expect(await readdir(folder)).toEqual(["taken"]);
  });

  test("onto a pipe or a device is refused, because renaming would replace it", async () => {
    const folder = await temporaryFolder();
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    await expect(saveModel(graph, join(folder, "pipe"))).rejects.toThrow(/not a regular file/);
    expect(await readdir(folder)).toEqual(["pipe"]);
  });

  test("through a link keeps the link", async () => {
    const folder = await temporaryFolder();
    const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
    await saveModel(graph, join(folder, "real.onnx"));
    await symlink("real.onnx", join(folder, "link.onnx"));
    await saveModel(graph, join(folder, "link.onnx"));
    expect((await readdir(folder)).sort()).toEqual(["link.onnx", "real.onnx"]);
  });
});
