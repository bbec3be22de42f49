import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { convertModel } from "../../../../src/engine/convert.ts";
import { groupAt, type Hdf5Group, nodeAt } from "../../../../src/formats/hdf5/tree.ts";
import { readArchive } from "../../../../src/formats/keras/archive.ts";
import { kerasSource } from "../../../../src/formats/keras/source.ts";
import { kerasH5Source } from "../../../../src/formats/keras-h5/source.ts";
import { readModel } from "../../../../src/formats/registry.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import { fixture } from "../keras/keras-files.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "normlens-carried-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const context = {
  signal: new AbortController().signal,
  progress: () => undefined,
  trainingEvent: () => undefined,
};

async function read(name: string): Promise<Graph> {
  const path = join(folder, name);
  await writeFile(path, fixture(name));
  return readModel(path);
}

async function converted(graph: Graph, name: string): Promise<Graph> {
  const target = join(folder, name);
  const report = await convertModel(graph, { target, verify: true }, context);
  // A certificate would say that the layers were made anew.
  expect(report.certificate).toBeUndefined();
  return readModel(target);
}

/** The numbers that each layer gets, in the order in which Keras hands them out. */
function h5Weights(graph: Graph): [string, string[]][] {
  const root = kerasH5Source(graph)?.root as Hdf5Group;
  const weights = groupAt(root, ["model_weights"]) as Hdf5Group;
  return (weights.attributes.get("layer_names")?.values ?? []).map((layer) => {
    const group = groupAt(weights, String(layer).split("/")) as Hdf5Group;
    const names = group.attributes.get("weight_names")?.values ?? [];
    return [String(layer), names.map((name) => numbersAt(group, String(name).split("/")))];
  });
}

function numbersAt(group: Hdf5Group, path: readonly string[]): string {
  const node = nodeAt(group, path);
  if (node?.kind !== "dataset") throw new Error(`no dataset at ${path.join("/")}`);
  return `${node.shape}: ${Buffer.from(node.bytes).toString("hex")}`;
}

/** The numbers under each path below "layers", without the state of random generators. */
function archiveWeights(graph: Graph): [string, string][] {
  const found: [string, string][] = [];
  const visit = (group: Hdf5Group, path: readonly string[]) => {
    for (const [name, node] of group.children) {
      const place = [...path, name];
      if (node.kind === "group" && name !== "seed_generator") visit(node, place);
      if (node.kind === "dataset") found.push([place.join("/"), numbersAt(group, [name])]);
    }
  };
  const layers = groupAt(kerasSource(graph)?.weights as Hdf5Group, ["layers"]) as Hdf5Group;
  visit(layers, []);
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

test.each(["classifier", "nested", "sequences", "unet", "chain"])(
  "%s.keras becomes the .h5 that Keras saves, weight for weight",
  async (name) => {
    const own = await read(`${name}.h5`);
    const made = await converted(await read(`${name}.keras`), `${name}-made.h5`);
    // Functions of keras.ops are listed among the layers by some versions.
    const withWeights = (graph: Graph) =>
      h5Weights(graph).filter(([, listed]) => listed.length > 0);
    expect(withWeights(made)).toEqual(withWeights(own));
  },
);

test.each(["classifier", "nested", "sequences", "unet", "chain"])(
  "%s.h5 becomes the .keras that Keras saves, weight for weight",
  async (name) => {
    const own = await read(`${name}.keras`);
    const made = await converted(await read(`${name}.h5`), `${name}-made.keras`);
    expect(archiveWeights(made)).toEqual(archiveWeights(own));
  },
);

test("layers that are not computed are carried there and back", async () => {
  const first = await read("classifier.keras");
  const there = await converted(first, "there.h5");
  const back = await converted(there, "back.keras");
  expect(archiveWeights(back)).toEqual(archiveWeights(first));
  expect(back.nodes.map(({ opType, domain }) => `${domain} ${opType}`)).toEqual(
    first.nodes.map(({ opType, domain }) => `${domain} ${opType}`),
  );
  const archive = await readFile(join(folder, "back.keras"));
  const text = new TextDecoder().decode(readArchive(archive, () => true).get("config.json"));
  expect(
    JSON.parse(text).config.layers.map((layer: { class_name: string }) => layer.class_name),
  ).toContain("Lambda");
});

test("what .h5 states no module of is found by Keras all the same", async () => {
  await converted(await read("classifier.h5"), "masks.keras");
  const archive = await readFile(join(folder, "masks.keras"));
  const text = new TextDecoder().decode(readArchive(archive, () => true).get("config.json"));
  const layers: { class_name: string; module?: string }[] = JSON.parse(text).config.layers;
  expect(layers.find(({ class_name: name }) => name === "NotEqual")?.module).toBe(
    "keras.src.ops.numpy",
  );
});

test.each([
  ["unet.keras", "folded.h5"],
  ["unet.h5", "folded.keras"],
])("%s goes with its changes to %s", async (name, target) => {
  const { graph, applied } = foldBatchNorm.apply(await read(name), undefined, {});
  expect(applied.length).toBeGreaterThan(0);
  const made = await converted(graph, target);
  const norms = ({ nodes }: Graph) =>
    nodes.filter(({ opType }) => opType === "BatchNormalization").length;
  expect(norms(made)).toBe(norms(graph));
  expect(made.nodes.map(({ opType }) => opType)).toEqual(graph.nodes.map(({ opType }) => opType));
});
