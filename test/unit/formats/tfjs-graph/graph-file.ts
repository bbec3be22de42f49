import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type GraphModel, loadGraphModel } from "@tensorflow/tfjs-converter";
import { seededRandom } from "../../../../src/data/random.ts";
import { scratchFolder, tf } from "../tfjs/tfjs-models.ts";

export type Attributes = Record<string, object>;

/** Attributes in the spelling of protocol buffers' JSON, as the converter writes them. */
export const text = (value: string) => ({ s: Buffer.from(value).toString("base64") });
export const texts = (...values: string[]) => ({
  list: { s: values.map((value) => Buffer.from(value).toString("base64")) },
});
export const ints = (...values: number[]) => ({ list: { i: values.map(String) } });
export const int = (value: number) => ({ i: String(value) });
export const float = (value: number) => ({ f: value });
export const flag = (value: boolean) => ({ b: value });
export const type = (value: string) => ({ type: value });

export interface FileNode {
  name: string;
  op: string;
  input?: string[];
  attr?: Attributes;
}

interface Weight {
  name: string;
  shape: number[];
  dtype: "float32" | "int32";
  values: number[];
}

/** A graph model under construction, with weights that tell every channel apart. */
export class GraphFile {
  readonly nodes: FileNode[] = [];
  readonly #weights: Weight[] = [];
  readonly #random = seededRandom(11);

  input(name: string, shape: readonly number[]): string {
    const dim = shape.map((size) => ({ size: String(size) }));
    this.nodes.push({
      name,
      op: "Placeholder",
      attr: { dtype: type("DT_FLOAT"), shape: { shape: { dim } } },
    });
    return name;
  }

  node(name: string, op: string, input: string[] = [], attr: Attributes = {}): string {
    this.nodes.push({ name, op, input, attr: { T: type("DT_FLOAT"), ...attr } });
    return name;
  }

  /** Numbers between −½ and ½, or, with a lowest one, of size 1 above it. */
  weight(name: string, shape: number[], lowest = -0.5): string {
    const count = shape.reduce((all, size) => all * size, 1);
    const values = Array.from({ length: count }, () => lowest + this.#random.uniform());
    return this.#constant({ name, shape, dtype: "float32", values });
  }

  number(name: string, value: number): string {
    return this.#constant({ name, shape: [], dtype: "float32", values: [value] });
  }

  list(name: string, values: number[], shape: number[] = [values.length]): string {
    return this.#constant({ name, shape, dtype: "int32", values });
  }

  #constant(weight: Weight): string {
    const dim = weight.shape.map((size) => ({ size: String(size) }));
    const dtype = weight.dtype === "int32" ? "DT_INT32" : "DT_FLOAT";
    this.nodes.push({
      name: weight.name,
      op: "Const",
      attr: { value: { tensor: { dtype, tensorShape: { dim } } } as object, dtype: type(dtype) },
    });
    this.#weights.push(weight);
    return weight.name;
  }

  document(outputs: readonly string[]): Record<string, unknown> {
    const inputs = this.nodes.filter(({ op }) => op === "Placeholder").map(({ name }) => name);
    const named = (names: readonly string[]) =>
      Object.fromEntries(
        names.map((name) => [
          name.replace(":", "_"),
          { name: `${name}${name.includes(":") ? "" : ":0"}` },
        ]),
      );
    const weights = this.#weights.map(({ name, shape, dtype }) => ({ name, shape, dtype }));
    return {
      format: "graph-model",
      generatedBy: "2.16.1",
      convertedBy: "TensorFlow.js Converter v4.22.0",
      signature: { inputs: named(inputs), outputs: named(outputs) },
      modelTopology: { node: this.nodes, library: {}, versions: { producer: 1882 } },
      weightsManifest: [{ paths: ["group1-shard1of1.bin"], weights }],
    };
  }

  bytes(): Buffer {
    return Buffer.concat(
      this.#weights.map(({ dtype, values }) =>
        Buffer.from((dtype === "int32" ? Int32Array : Float32Array).from(values).buffer),
      ),
    );
  }

  /** @returns where model.json is. */
  async save(outputs: readonly string[], indent?: number): Promise<string> {
    return saveDocument(this.document(outputs), this.bytes(), indent);
  }
}

export async function saveDocument(document: object, bytes: Uint8Array, indent?: number) {
  const folder = await scratchFolder();
  await writeFile(join(folder, "group1-shard1of1.bin"), bytes);
  const file = join(folder, "model.json");
  await writeFile(file, JSON.stringify(document, undefined, indent));
  return file;
}

/** What TensorFlow.js itself makes of the files. */
export async function loadInTensorFlow(file: string): Promise<GraphModel> {
  const document = JSON.parse(await readFile(file, "utf8"));
  const parts: Uint8Array[] = [];
  const weightSpecs: tf.io.WeightsManifestEntry[] = [];
  for (const { paths, weights } of document.weightsManifest) {
    for (const path of paths) parts.push(await readFile(join(dirname(file), path)));
    weightSpecs.push(...weights);
  }
  const weightData = new Uint8Array(Buffer.concat(parts)).buffer;
  return loadGraphModel({ load: async () => ({ ...document, weightSpecs, weightData }) });
}

/** What TensorFlow.js computes, in the order of the named outputs. */
export async function runInTensorFlow(
  file: string,
  inputs: Readonly<Record<string, tf.Tensor>>,
  outputs: readonly string[],
): Promise<Float32Array[]> {
  const model = await loadInTensorFlow(file);
  const results = model.execute(inputs, [...outputs]);
  const list = Array.isArray(results) ? results : [results];
  const values = list.map((each) => Float32Array.from(each.dataSync()));
  model.dispose();
  return values;
}

export { tf };
