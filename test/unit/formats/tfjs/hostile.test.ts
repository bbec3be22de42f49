import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import { DataType } from "../../../../src/graph/data-type.ts";
import { InputError } from "../../../../src/graph/input-error.ts";
import { memoryTensor } from "../../../../src/graph/tensor.ts";
import { layers, save, scratchFolder } from "./tfjs-models.ts";

let original: string;

beforeAll(async () => {
  const { dense, batchNormalization } = layers.layers;
  const model = layers.sequential();
  model.add(dense({ units: 3, inputShape: [4], name: "first" }));
  model.add(batchNormalization({ name: "norm" }));
  original = await save(model, { shardBytes: 50 });
});

/** The text of model.json with one place changed; the place has to be there. */
type Change = readonly [before: string, after: string];

interface Case {
  readonly what: string;
  readonly change: Change;
  /** What the one sentence has to name. */
  readonly told: RegExp;
}

const CASES: readonly Case[] = [
  { what: "no topology", change: ["modelTopology", "topology"], told: /no modelTopology/ },
  { what: "a graph model", change: ["layers-model", "graph-model"], told: /graph model/ },
  { what: "negative units", change: ['"units":3', '"units":-3'], told: /first: units is -3/ },
  { what: "units that are text", change: ['"units":3', '"units":"3"'], told: /units is "3"/ },
  { what: "huge units", change: ['"units":3', '"units":1e300'], told: /units is 1e\+300/ },
  {
    what: "other units",
    change: ['"units":3', '"units":5'],
    told: /first\/kernel has shape \[4,3\]/,
  },
  { what: "no input shape", change: ['"batch_input_shape"', '"b"'], told: /no input shape/ },
  { what: "an open width", change: ["[null,4]", "[null,null]"], told: /last axis is not known/ },
  {
    what: "a path upwards",
    change: ["group1-shard1of", "../group1-shard1of"],
    told: /not allowed/,
  },
  { what: "a path in between", change: ["group1-shard1of", "a/../../b"], told: /not allowed/ },
  { what: "an absolute path", change: ["group1-shard1of", "/etc/group1"], told: /not allowed/ },
  { what: "a URL", change: ["group1-shard1of", "https://host/group1"], told: /not allowed/ },
  { what: "a Windows path", change: ["group1-shard1of", "C:\\\\group1"], told: /not allowed/ },
  { what: "a missing file", change: ["group1-shard1of", "gone1of"], told: /gone1of.* is missing/ },
  { what: "an unknown type", change: ['"float32"}]', '"float7"}]'], told: /dtype is "float7"/ },
  {
    what: "a negative size",
    change: ['"shape":[4,3]', '"shape":[-4,3]'],
    told: /shape is \[-4,3\]/,
  },
  { what: "a huge shape", change: ['"shape":[4,3]', '"shape":[4e15,3]'], told: /more than a file/ },
  { what: "other sizes", change: ['"shape":[4,3]', '"shape":[4,2]'], told: /108 bytes.*need 92/ },
  { what: "a missing weight", change: ["first/kernel", "other/kernel"], told: /no weight kernel/ },
  {
    what: "a weight twice",
    change: ["first/kernel", "first/bias"],
    told: /first\/bias occurs twice/,
  },
  {
    what: "a file named twice",
    change: ["group1-shard2of", "group1-shard1of"],
    told: /weightsManifest names the file group1-shard1of3\.bin twice/,
  },
  {
    what: "a type that every object has",
    change: ['"float32"}]', '"__proto__"}]'],
    told: /dtype is/,
  },
  { what: "infinite units", change: ['"units":3', '"units":1e400'], told: /units is Infinity/ },
  {
    what: "units that are no number",
    change: ['"units":3', '"units":NaN'],
    told: /not valid JSON/,
  },
  {
    what: "a trillion units",
    change: ['"units":3', '"units":1e12'],
    told: /units is 1000000000000/,
  },
  {
    what: "an input of a trillion",
    change: ["[null,4]", "[null,1000000000000]"],
    told: /batch_input_shape is \[null,1000000000000\]/,
  },
  {
    what: "an infinite epsilon",
    change: ['"epsilon":', '"epsilon":1e400,"e":'],
    told: /epsilon is/,
  },
  {
    what: "one name twice",
    change: ['"name":"norm"', '"name":"first"'],
    told: /two layers .* first/,
  },
  {
    what: "a layer without a class",
    change: ['"class_name":"Dense"', '"class_name":""'],
    told: /layers\[\d\] is .*; a layer with a class_name is needed/,
  },
  {
    what: "an unknown quantization",
    change: ['"shape":[4,3],', '"shape":[4,3],"quantization":{"dtype":"int3"},'],
    told: /quantization is .*int3/,
  },
];

/** A copy of the model with its own files. */
async function copy(): Promise<string> {
  const folder = await scratchFolder();
  const text = await readFile(original, "utf8");
  for (const path of JSON.parse(text).weightsManifest[0].paths) {
    await writeFile(join(folder, path), await readFile(join(dirname(original), path)));
  }
  await writeFile(join(folder, "model.json"), text);
  return join(folder, "model.json");
}

async function refusal(file: string): Promise<string> {
  const error = await readModel(file).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  const { message } = error as InputError;
  expect(message.startsWith(`${file}: `)).toBe(true);
  expect(message).not.toMatch(/\n|undefined|\[object/);
  return message;
}

test.each(CASES)("$what is refused in one sentence", async ({ change: [before, after], told }) => {
  const file = await copy();
  const text = await readFile(file, "utf8");
  expect(text).toContain(before);
  await writeFile(file, text.replace(before, after));
  expect(await refusal(file)).toMatch(told);
});

test("a model.json that is cut off anywhere is refused", async () => {
  const file = await copy();
  const text = await readFile(file, "utf8");
  for (const end of [1, 20, Math.floor(text.length / 2), text.length - 1]) {
    await writeFile(file, text.slice(0, end));
    expect(await refusal(file)).toMatch(/not valid JSON, or is cut off/);
  }
});

test("deep nesting is refused before anything follows it", async () => {
  const file = await copy();
  await writeFile(file, `{"modelTopology":${"[".repeat(1e6)}`);
  expect(await refusal(file)).toMatch(/nested deeper than 200 levels/);
});

test("models within each other deeper than any real one are refused", async () => {
  const file = await copy();
  const document = JSON.parse(await readFile(file, "utf8"));
  const topology = document.modelTopology.model_config ?? document.modelTopology;
  const nested = (depth: number): object =>
    depth === 0
      ? topology
      : { class_name: "Sequential", config: { name: `m${depth}`, layers: [nested(depth - 1)] } };
  document.modelTopology = nested(34);
  await writeFile(file, JSON.stringify(document));
  expect(await refusal(file)).toMatch(/models are nested within each other deeper than 32 levels/);
});

test("a file of weights of gigabytes, as large as the shapes say, is refused before it is read", async () => {
  const file = await copy();
  const document = JSON.parse(await readFile(file, "utf8"));
  const [group] = document.weightsManifest;
  document.weightsManifest = [
    {
      paths: [group.paths[0]],
      weights: [0, 1].map((n) => ({
        ...group.weights[0],
        name: `w${n}/kernel`,
        shape: [2 ** 15, 2 ** 15],
      })),
    },
  ];
  // Nothing but a length: the file system keeps no zeros.
  await truncate(join(dirname(file), group.paths[0]), 2 ** 33);
  await writeFile(file, JSON.stringify(document));
  expect(await refusal(file)).toMatch(/have 8589934592 bytes; 4294967296 at most are read/);
});

test("files of weights that are shorter or longer than the shapes say are refused", async () => {
  const file = await copy();
  const [first] = JSON.parse(await readFile(file, "utf8")).weightsManifest[0].paths;
  await truncate(join(dirname(file), first), 49);
  expect(await refusal(file)).toMatch(/have 107 bytes; .* need 108/);
  await appendFile(join(dirname(file), first), new Uint8Array(2));
  expect(await refusal(file)).toMatch(/have 109 bytes; .* need 108/);
});

test("a link that leads out of the folder is refused", async () => {
  const file = await copy();
  const [first] = JSON.parse(await readFile(file, "utf8")).weightsManifest[0].paths;
  const outside = join(await scratchFolder(), "outside.bin");
  await writeFile(outside, await readFile(join(dirname(file), first)));
  await rm(join(dirname(file), first));
  await symlink(outside, join(dirname(file), first));
  expect(await refusal(file)).toMatch(/lies outside the model's folder/);
});

test("saving over another model leaves no file of weights half done or behind", async () => {
  const [file, other] = [await copy(), await copy()];
  const graph = await readModel(file);
  const kernel = graph.initializers.get("first/kernel");
  const bytes = new Uint8Array(new Float32Array(12).fill(0.5).buffer);
  const changed = memoryTensor("first/kernel", [4, 3], DataType.FLOAT, bytes);
  const initializers = new Map(graph.initializers).set("first/kernel", changed);
  await saveModel({ ...graph, initializers }, other);
  const document = JSON.parse(await readFile(other, "utf8"));
  const files = await readdir(dirname(other));
  expect(files.sort()).toEqual([...document.weightsManifest[0].paths, "model.json"].sort());
  const again = (await readModel(other)).initializers.get("first/kernel");
  expect(again?.data.read()).toEqual(bytes);
  // The model it was read from is as it was.
  expect((await readModel(file)).initializers.get("first/kernel")?.data.read()).toEqual(
    kernel?.data.read(),
  );
});

test("a folder that does not exist is made", async () => {
  const graph = await readModel(await copy());
  const missing = join(await scratchFolder(), "missing", "further", "model.json");
  await saveModel(graph, missing);
  expect((await readModel(missing)).nodes).toHaveLength(graph.nodes.length);
});

test("a folder in place of a file of weights is refused", async () => {
  const file = await copy();
  const [first] = JSON.parse(await readFile(file, "utf8")).weightsManifest[0].paths;
  await rm(join(dirname(file), first));
  await mkdir(join(dirname(file), first));
  expect(await refusal(file)).toMatch(/is not a file/);
});
