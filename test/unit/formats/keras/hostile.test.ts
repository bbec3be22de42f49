import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { unzipSync, zipSync } from "fflate";
import { expect, test } from "vitest";
import { newHdf5 } from "../../../../src/formats/hdf5/library.ts";
import { readModel } from "../../../../src/formats/registry.ts";
import { InputError } from "../../../../src/graph/input-error.ts";
import { OPAQUE_DOMAIN } from "../../../../src/graph/opaque-node.ts";
import { fileOf, fixture } from "./keras-files.ts";

const original = fixture("nested.keras");
const entries = unzipSync(original);
const config = new TextDecoder().decode(entries["config.json"]);

async function refusal(bytes: Uint8Array): Promise<string> {
  const file = await fileOf(bytes, "model.keras");
  const error = await readModel(file).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  const { message } = error as InputError;
  expect(message.startsWith(`${file}: `)).toBe(true);
  expect(message).not.toMatch(/\n|undefined|\[object/);
  expect(await readdir(dirname(file))).toEqual(["model.keras"]);
  return message;
}

function archive(changed: Record<string, Uint8Array | undefined>): Uint8Array {
  const all = Object.entries({ ...entries, ...changed }).filter(([, value]) => value !== undefined);
  return zipSync(Object.fromEntries(all) as Record<string, Uint8Array>, { level: 0 });
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** The bytes with the last place where some text stands changed: the zip's directory comes last. */
function patched(bytes: Uint8Array, find: string, put: string, places: number): Uint8Array {
  const copy = Buffer.from(bytes);
  for (let done = 0, at = copy.length; done < places; done++) {
    at = copy.lastIndexOf(find, at - 1);
    expect(at).toBeGreaterThanOrEqual(0);
    copy.write(put, at, "latin1");
  }
  return copy;
}

test("an archive that is cut off anywhere is refused", async () => {
  for (const share of [0.01, 0.3, 0.6, 0.99]) {
    const cut = original.slice(0, Math.floor(original.length * share));
    expect(await refusal(cut)).toMatch(/damaged or cut off/);
  }
});

test("what is missing is named", async () => {
  expect(await refusal(archive({ "config.json": undefined }))).toMatch(
    /zip archive without config\.json/,
  );
  expect(await refusal(archive({ "model.weights.h5": undefined }))).toMatch(
    /no model\.weights\.h5/,
  );
});

test("names that lead out of the archive are refused", async () => {
  for (const name of ["../outside", "assets/../../outside", "/etc/outside", "C:\\outside"]) {
    expect(await refusal(archive({ [name]: text("x") }))).toMatch(/names a place outside/);
  }
});

test("an entry that is there twice is refused", async () => {
  // As long as the name it takes, so that the directory's lengths stay right.
  const other = archive({ "metadat2.json": text("{}") });
  const twice = patched(other, "metadat2.json", "metadata.json", 2);
  expect(await refusal(twice)).toMatch(/metadata\.json is in the archive twice/);
});

/** Where the zip's directory states the expanded size of an entry. */
function sizeField(bytes: Buffer, name: string): number {
  // A directory's entry has 46 bytes in front of the name, the expanded size 24 bytes into them.
  return bytes.lastIndexOf(name) - 46 + 24;
}

test("a zip bomb, and an entry that expands to more or less than it says, are refused", async () => {
  const packed = Buffer.from(zipSync(entries, { level: 9 }));
  const field = sizeField(packed, "config.json");
  const size = packed.readUInt32LE(field);
  expect(size).toBe(entries["config.json"]?.length);
  packed.writeUInt32LE(size + 10, field);
  expect(await refusal(packed)).toMatch(/config\.json expands to \d+ bytes; the archive says/);
  // What is past the stated size is never expanded, and what is left is no JSON.
  packed.writeUInt32LE(size - 10, field);
  expect(await refusal(packed)).toMatch(/config\.json is not valid JSON, or is cut off/);
  packed.writeUInt32LE(2 ** 32 - 2, field);
  expect(await refusal(packed)).toMatch(/expand to 4\d+ bytes or more/);
});

test("a stored entry that takes more than the archive says it expands to is refused", async () => {
  // What is stored is copied as it lies there; many such entries over each other would be a bomb, too.
  const stored = Buffer.from(zipSync(entries, { level: 0 }));
  const field = sizeField(stored, "model.weights.h5");
  stored.writeUInt32LE(0, field);
  expect(await refusal(stored)).toMatch(/model\.weights\.h5 takes \d+ bytes .* expands to 0/);
});

test("weights that lead to other files are refused", async () => {
  const put = async (write: Parameters<typeof newHdf5>[0]) =>
    refusal(archive({ "model.weights.h5": await newHdf5(write) }));
  expect(await put(({ file }) => file.create_external_link("/etc/passwd", "/x", "layers"))).toMatch(
    /model\.weights\.h5: layers is a link to another file, \/etc\/passwd/,
  );
  expect(await put(({ file }) => file.create_soft_link("/nowhere", "layers"))).toMatch(
    /model\.weights\.h5: layers is a soft link to \/nowhere/,
  );
  for (const [name, told] of [
    ["hostile-virtual.h5", /virtual dataset, which lies in other files/],
    ["hostile-storage.h5", /external raw data file/],
  ] as const) {
    expect(await refusal(archive({ "model.weights.h5": fixture(name) }))).toMatch(told);
  }
});

test("numbers of a config that no layer has are refused", async () => {
  const put = (found: string, put: string) => {
    expect(config).toContain(found);
    return refusal(archive({ "config.json": text(config.replaceAll(found, put)) }));
  };
  expect(await put('"units": 3', '"units": 1e400')).toMatch(/units is Infinity/);
  expect(await put('"units": 3', '"units": NaN')).toMatch(/config\.json is not valid JSON/);
  expect(await put('"units": 3', '"units": 1000000000000')).toMatch(/units is 1000000000000/);
  expect(await put('"classes"', '"flat"')).toMatch(/two layers have the name flat/);
});

test("a config that is no model is refused", async () => {
  const put = (value: string) => refusal(archive({ "config.json": text(value) }));
  expect(await put(config.slice(0, 500))).toMatch(/not valid JSON, or is cut off/);
  expect(await put("[".repeat(1e6))).toMatch(/nested deeper than 200 levels/);
  expect(await put("[]")).toMatch(/topology is \[\]/);
  expect(await put('{"class_name": "MyModel"}')).toMatch(/class_name is "MyModel"/);
});

test("the code of a Lambda is kept as it is and never run", async () => {
  const code = '"class_name": "Lambda", "code": "4wEAAAAA"';
  const lambda = config.replace('"class_name": "Flatten"', code);
  expect(lambda).not.toBe(config);
  const bytes = archive({ "config.json": text(lambda) });
  const graph = await readModel(await fileOf(bytes, "model.keras"));
  const node = graph.nodes.find(({ name }) => name === "flat");
  expect(node?.opType).toBe("Lambda");
  // No runtime has operators of this domain.
  expect(node?.domain).toBe(OPAQUE_DOMAIN);
});

test("weights that do not fit the layers are refused", async () => {
  const wider = config.replace('"units": 3', '"units": 5');
  expect(wider).not.toBe(config);
  expect(await refusal(archive({ "config.json": text(wider) }))).toMatch(
    /weight classes\/kernel has shape \[24,3\]; \[24,5\] is needed/,
  );
  const renamed = config.replace(/"class_name": "Dense"/, '"class_name": "Embedding"');
  expect(await refusal(archive({ "config.json": text(renamed) }))).toMatch(/layer classes/);
});

test("weights that are no HDF5, or cut off, are refused", async () => {
  const weights = entries["model.weights.h5"] as Uint8Array;
  const put = (value: Uint8Array) => refusal(archive({ "model.weights.h5": value }));
  expect(await put(text("not HDF5"))).toMatch(/model\.weights\.h5: the HDF5 file is damaged/);
  expect(await put(new Uint8Array())).toMatch(/model\.weights\.h5: the HDF5 file is damaged/);
  for (const share of [0.1, 0.5, 0.9]) {
    const cut = weights.slice(0, Math.floor(weights.length * share));
    expect(await put(cut)).toMatch(/model\.weights\.h5: the HDF5 file is damaged/);
  }
});
