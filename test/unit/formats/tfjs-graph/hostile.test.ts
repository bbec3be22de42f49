import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../../src/formats/registry.ts";
import { type FileNode, flag, GraphFile, ints, saveDocument, text } from "./graph-file.ts";

/** A convolution, its bias, and an activation as output. */
function sound(): GraphFile {
  const file = new GraphFile();
  const x = file.input("x", [-1, 6, 5, 3]);
  const conv = file.node("conv", "Conv2D", [x, file.weight("filter", [3, 3, 3, 4])], {
    strides: ints(1, 1, 1, 1),
    dilations: ints(1, 1, 1, 1),
    padding: text("SAME"),
  });
  file.node("y", "Relu", [file.node("biased", "BiasAdd", [conv, file.weight("bias", [4])])]);
  return file;
}

interface HostileCase {
  readonly what: string;
  change(nodes: Record<string, FileNode>, list: FileNode[]): void;
  readonly told: RegExp;
}

const attributes = (node: FileNode | undefined, changed: Record<string, unknown>) => {
  Object.assign((node as FileNode).attr as object, changed);
};

const cases: HostileCase[] = [
  {
    what: "nodes that read each other",
    change: ({ conv }) => Object.assign(conv as object, { input: ["y", "filter"] }),
    told: /nodes \w+ and \w+ read each other in a circle/,
  },
  {
    what: "a node that reads itself",
    change: ({ y }) => Object.assign(y as object, { input: ["y"] }),
    told: /nodes y and y read each other in a circle/,
  },
  {
    what: "an input that is missing",
    change: ({ y }) => Object.assign(y as object, { input: ["nothing"] }),
    told: /node y reads nothing, which is no node of the graph/,
  },
  {
    what: "an output that its node has not",
    change: ({ y }) => Object.assign(y as object, { input: ["biased:3"] }),
    told: /node y reads output 3 of biased, which has fewer/,
  },
  {
    what: "an input that is no name",
    change: ({ y }) => Object.assign(y as object, { input: [7] }),
    told: /node y: its input is 7; a name is needed/,
  },
  {
    what: "an operator without its input",
    change: ({ y }) => Object.assign(y as object, { input: [] }),
    told: /node y: it has 0 inputs; a Relu needs more/,
  },
  {
    what: "two nodes of one name",
    change: (_, list) => list.push({ name: "y", op: "NoOp" }),
    told: /two nodes have the name y/,
  },
  {
    what: "a node without a name",
    change: (_, list) => list.push({ name: "", op: "NoOp" }),
    told: /modelTopology\.node\[\d\] is .*; a node with a name is needed/,
  },
  {
    what: "a loop",
    change: ({ y }) => Object.assign(y as object, { op: "StatelessWhile" }),
    told: /node y \(StatelessWhile\): graphs with control flow .* cannot be read; save .* unroll=True/,
  },
  {
    what: "an attribute that is no object",
    change: ({ conv }) => attributes(conv, { strides: [1, 2] }),
    told: /node conv: its attribute strides is \[1,2\]; an object that holds its value is needed/,
  },
  {
    what: "strides that are no numbers",
    change: ({ conv }) => attributes(conv, { strides: { list: { i: ["1", "two", "1", "1"] } } }),
    told: /node conv: its attribute strides is .*; a list of whole numbers is needed/,
  },
  {
    what: "strides of 0",
    change: ({ conv }) => attributes(conv, { strides: ints(1, 0, 1, 1) }),
    told: /node conv: its strides are \[1,0,1,1\]; 4 sizes are needed/,
  },
  {
    what: "a padding that there is not",
    change: ({ conv }) => attributes(conv, { padding: text("SAMESAME") }),
    told: /node conv: its attribute padding is .*; one of VALID, SAME, EXPLICIT is needed/,
  },
  {
    what: "a filter for other channels",
    change: ({ x }) =>
      attributes(x, { shape: { shape: { dim: [-1, 6, 5, 7].map((size) => ({ size })) } } }),
    told: /node conv: its filter of shape \[3,3,3,4\] does not fit 7 channels/,
  },
  {
    what: "an input with a size past all bounds",
    change: ({ x }) => attributes(x, { shape: { shape: { dim: [{ size: "99999999999" }] } } }),
    told: /node x: its attribute shape is .*; sizes is needed/,
  },
  {
    what: "an input of too many axes",
    change: ({ x }) =>
      attributes(x, { shape: { shape: { dim: Array.from({ length: 99 }, () => ({})) } } }),
    told: /node x: its attribute shape is .*; a list of sizes is needed/,
  },
  {
    what: "an input of unknown shape",
    change: ({ x }) => attributes(x, { shape: { shape: { unknownRank: true } } }),
    told: /node x: it states no shape/,
  },
];

describe("a graph model is refused in one sentence for", () => {
  test.each(cases)("$what", async ({ change, told }) => {
    const file = sound();
    change(Object.fromEntries(file.nodes.map((node) => [node.name, node])), file.nodes);
    const path = await saveDocument(file.document(["y"]), file.bytes());
    await expect(readModel(path)).rejects.toThrow(told);
  });

  test("a Const whose numbers are in no file", async () => {
    const file = sound();
    const document = file.document(["y"]);
    document.weightsManifest = [];
    await expect(readModel(await saveDocument(document, file.bytes()))).rejects.toThrow(
      /node (filter|bias): weightsManifest has no weight for this Const/,
    );
  });

  test("a signature that names what is not there", async () => {
    const file = sound();
    const document = file.document(["absent"]);
    await expect(readModel(await saveDocument(document, file.bytes()))).rejects.toThrow(
      /signature\.outputs\.absent is absent, which is no node of the graph/,
    );
  });

  test("more nodes than any model has", async () => {
    const file = sound();
    const document = file.document(["y"]);
    const node = Array.from({ length: 200_001 }, (_, i) => ({ name: `n${i}`, op: "NoOp" }));
    document.modelTopology = { node };
    await expect(readModel(await saveDocument(document, file.bytes()))).rejects.toThrow(
      /modelTopology has 200001 nodes; 200000 at most are read/,
    );
  });
});

/** What surrounds the graph is that of a layers model: each refusal of it has its case there as well. */
describe("the files of a graph model are refused in one sentence where", () => {
  type Document = ReturnType<GraphFile["document"]> & {
    weightsManifest: { paths: string[]; weights: { name: string; shape: unknown }[] }[];
  };
  const manifest = (change: (group: Document["weightsManifest"][number]) => void) => {
    const file = sound();
    const document = file.document(["y"]) as Document;
    for (const group of document.weightsManifest) change(group);
    return saveDocument(document, file.bytes());
  };
  const PATHS = [
    "../group1.bin",
    "a/../../b.bin",
    "/etc/passwd",
    "https://host/w.bin",
    "C:\\w.bin",
  ];
  test.each(PATHS)("the path is %s", async (path) => {
    const file = await manifest((group) => Object.assign(group, { paths: [path] }));
    await expect(readModel(file)).rejects.toThrow(
      /weightsManifest\[0\]: the path .* is not allowed/,
    );
  });

  test.each([
    [{ paths: ["gone.bin"] }, /the file of weights gone\.bin is missing/],
    [{ paths: ["group1-shard1of1.bin", "group1-shard1of1.bin"] }, /names the file .* twice/],
    [{ paths: "group1-shard1of1.bin" }, /lists of paths and weights are needed/],
  ])("the paths are %j", async (paths, told) => {
    await expect(readModel(await manifest((group) => Object.assign(group, paths)))).rejects.toThrow(
      told,
    );
  });

  test.each([
    [[1e12, 1e12], /weight filter: shape \[1000000000000,1000000000000\] is more than a file/],
    [[3, 3, 3, 5], /have 448 bytes; their shapes and types need 556/],
    [[3, 3, -3, 4], /weight filter: shape is \[3,3,-3,4\]/],
    ["all", /weight filter: shape is "all"/],
  ])("the shape of a weight is %j", async (shape, told) => {
    const file = await manifest(({ weights }) => Object.assign(weights[0] ?? {}, { shape }));
    await expect(readModel(file)).rejects.toThrow(told);
  });

  test("the JSON is cut off, or nested without end", async () => {
    const file = await sound().save(["y"]);
    const text = await readFile(file, "utf8");
    await writeFile(file, text.slice(0, text.length / 2));
    await expect(readModel(file)).rejects.toThrow(/not valid JSON, or is cut off/);
    await writeFile(file, `{"format":"graph-model","modelTopology":${'{"node":'.repeat(1e5)}`);
    await expect(readModel(file)).rejects.toThrow(/nested deeper than 200 levels/);
  });
});

test("a chain of a hundred thousand nodes is read without recursion", async () => {
  const file = new GraphFile();
  let value = file.input("x", [-1, 2]);
  for (let step = 0; step < 100_000; step++) value = file.node(`n${step}`, "Identity", [value]);
  file.node("y", "Relu", [value]);
  const graph = await readModel(await file.save(["y"]));
  expect(graph.nodes.map(({ opType }) => opType)).toEqual(["Relu"]);
});

test("attributes in other spellings of JSON mean the same", async () => {
  const [file, other] = [sound(), sound()];
  const conv = other.nodes.find(({ name }) => name === "conv");
  attributes(conv, {
    T: { type: 1 },
    strides: { list: { i: [1, 1, 1, 1] } },
    padding: { s: [...Buffer.from("SAME")] },
    data_format: text("NHWC"),
    use_cudnn_on_gpu: flag(true),
  });
  attributes(
    other.nodes.find(({ name }) => name === "x"),
    { dtype: { type: 1 } },
  );
  const [a, b] = [
    await readModel(await file.save(["y"])),
    await readModel(await other.save(["y"])),
  ];
  expect(b.nodes).toEqual(a.nodes);
});
