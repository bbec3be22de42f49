import { expect, test } from "vitest";
import { newHdf5 } from "../../../../src/formats/hdf5/library.ts";
import { readHdf5 } from "../../../../src/formats/hdf5/read.ts";
import {
  dataset,
  groupAt,
  type Hdf5Group,
  textAttribute,
  withAttribute,
  withNode,
} from "../../../../src/formats/hdf5/tree.ts";
import { writeHdf5 } from "../../../../src/formats/hdf5/write.ts";
import { nameList, withNameList } from "../../../../src/formats/keras-h5/name-lists.ts";
import { readModel } from "../../../../src/formats/registry.ts";
import { InputError } from "../../../../src/graph/input-error.ts";
import { OPAQUE_DOMAIN } from "../../../../src/graph/opaque-node.ts";
import { fileOf, fixture } from "../keras/keras-files.ts";

async function refusal(bytes: Uint8Array): Promise<string> {
  const file = await fileOf(bytes, "model.h5");
  const error = await readModel(file).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  const { message } = error as InputError;
  expect(message.startsWith(`${file}: `)).toBe(true);
  expect(message).not.toMatch(/\n|undefined|\[object/);
  return message;
}

const original = fixture("nested.h5");

/** The sentence about the model with its contents changed. */
async function changed(change: (root: Hdf5Group) => Hdf5Group): Promise<string> {
  return refusal(await writeHdf5(change(await readHdf5(original))));
}

test("a file that is cut off anywhere is refused", async () => {
  for (const share of [0.005, 0.2, 0.5, 0.9]) {
    const cut = original.slice(0, Math.floor(original.length * share));
    expect(await refusal(cut)).toMatch(/the HDF5 file is damaged or cut off/);
  }
});

test("what is missing is named", async () => {
  const without = ({ attributes, ...rest }: Hdf5Group): Hdf5Group => {
    const left = new Map(attributes);
    left.delete("model_config");
    return { ...rest, attributes: left };
  };
  expect(await changed(without)).toMatch(/no attribute model_config, which a whole model/);
  const weights = groupAt(await readHdf5(original), ["model_weights"]) as Hdf5Group;
  expect(await refusal(await writeHdf5(weights))).toMatch(
    /weights only, without the model's config; save the whole model with model\.save/,
  );
  expect(await changed((root) => withNode(root, ["model_weights"], undefined))).toMatch(
    /no group model_weights/,
  );
  expect(await changed((root) => withNode(root, ["model_weights", "norm"], undefined))).toMatch(
    /model_weights has no group norm/,
  );
  const kernel = ["model_weights", "classes", "classes"];
  expect(await changed((root) => withNode(root, [...kernel, "kernel"], undefined))).toMatch(
    /there is no dataset model_weights\/classes\/classes\/kernel/,
  );
});

test("a config that is no model is refused", async () => {
  const put = (text: string) =>
    changed((root) => withAttribute(root, "model_config", textAttribute(text)));
  expect(await put('{"class_name": ')).toMatch(/model_config is not valid JSON, or is cut off/);
  expect(await put("[".repeat(1e5))).toMatch(/nested deeper than 200 levels/);
});

test("weights of other sizes or types are refused by name", async () => {
  const place = ["model_weights", "classes", "classes", "bias"];
  const put = (bytes: Uint8Array, shape: number[], size: number, kind: "float" | "integer") =>
    changed((root) =>
      withNode(root, place, {
        kind: "dataset",
        attributes: new Map(),
        shape,
        type: { kind, size, signed: true },
        bytes,
        chunks: undefined,
        deflate: undefined,
      }),
    );
  expect(await put(new Uint8Array(16), [4], 4, "float")).toMatch(
    /weight classes\/classes\/bias|weight classes\/bias has shape \[4\]; \[3\] is needed/,
  );
  expect(await put(new Uint8Array(3), [3], 1, "integer")).toMatch(
    /classes\/bias is stored as int8; float16, float32 and float64 can be read/,
  );
});

test("a number that no layer computes with may be of any type", async () => {
  // As the count of a Normalization layer, which is int32.
  const root = await readHdf5(original);
  const place = ["model_weights", "classes"];
  const group = groupAt(root, place) as Hdf5Group;
  const count = {
    ...dataset([], new Uint8Array(4)),
    type: { kind: "integer", size: 4, signed: true } as const,
  };
  const listed = withNameList(withNode(group, ["classes", "count"], count), "weight_names", [
    ...nameList(group, "weight_names", "model_weights/classes"),
    "classes/count",
  ]);
  const file = await fileOf(await writeHdf5(withNode(root, place, listed)), "model.h5");
  expect((await readModel(file)).initializers.has("classes/kernel")).toBe(true);
});

test("a config with numbers or names that no model has is refused", async () => {
  const root = await readHdf5(original);
  const config = String(root.attributes.get("model_config")?.values[0]);
  const put = (found: string, put: string) => {
    expect(config).toContain(found);
    const text = textAttribute(config.replaceAll(found, put));
    return changed((tree) => withAttribute(tree, "model_config", text));
  };
  expect(await put('"units": 3', '"units": 1e400')).toMatch(/units is Infinity/);
  expect(await put('"units": 3', '"units": Infinity')).toMatch(/model_config is not valid JSON/);
  expect(await put('"units": 3', '"units": 1000000000000')).toMatch(/units is 1000000000000/);
  expect(await put('"classes"', '"flat"')).toMatch(/two layers have the name flat/);
});

test("the code of a Lambda is kept as it is and never run", async () => {
  const root = await readHdf5(original);
  const config = String(root.attributes.get("model_config")?.values[0]);
  const code = '"class_name": "Lambda", "code": "4wEAAAAA"';
  const lambda = textAttribute(config.replace('"class_name": "Flatten"', code));
  const bytes = await writeHdf5(withAttribute(root, "model_config", lambda));
  const graph = await readModel(await fileOf(bytes, "model.h5"));
  const node = graph.nodes.find(({ name }) => name === "flat");
  expect([node?.opType, node?.domain]).toEqual(["Lambda", OPAQUE_DOMAIN]);
});

test("groups within each other deeper than in any real file are refused", async () => {
  const bytes = await newHdf5(({ file }) => {
    let path = "";
    for (let depth = 0; depth < 70; depth++) {
      path += `/g${depth}`;
      file.create_group(path);
    }
  });
  expect(await refusal(bytes)).toMatch(/groups lie within each other deeper than 60 levels/);
});

test("files that lead to other files are refused", async () => {
  const put = async (write: Parameters<typeof newHdf5>[0]) => refusal(await newHdf5(write));
  expect(
    await put(({ file }) => file.create_external_link("other.h5", "/x", "model_weights")),
  ).toMatch(/model_weights is a link to another file, other\.h5/);
  expect(await put(({ file }) => file.create_soft_link("/nowhere", "model_weights"))).toMatch(
    /model_weights is a soft link to \/nowhere/,
  );
  expect(await refusal(fixture("hostile-virtual.h5"))).toMatch(/is a virtual dataset/);
  expect(await refusal(fixture("hostile-storage.h5"))).toMatch(/external raw data file/);
});
