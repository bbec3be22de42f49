import { readFileSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { encodeModel } from "../../../../src/formats/onnx/write.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";

/** What Keras computes for a model: see test/oracles/keras_files.py. */
export interface Golden {
  readonly shape: readonly number[];
  /** In units of 1/32. */
  readonly inputs: readonly number[];
  readonly output: readonly number[];
  readonly norms: number;
}

const oracles = new URL("../../../oracles/keras-files.json.gz", import.meta.url);
export const goldens: Readonly<Record<string, Golden>> = JSON.parse(
  gunzipSync(readFileSync(oracles)).toString(),
);

/** The bytes of a file that Keras saved, "unet.keras". */
export function fixture(name: string): Uint8Array {
  const packed = new URL(`../../../fixtures/keras/${name}.gz`, import.meta.url);
  return new Uint8Array(gunzipSync(readFileSync(packed)));
}

export async function scratchFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "normlens-keras-"));
}

/** A file of these bytes in a folder of its own. */
export async function fileOf(bytes: Uint8Array, name: string): Promise<string> {
  const file = join(await scratchFolder(), name);
  await writeFile(file, bytes);
  return file;
}

/** The largest difference to Keras' output, as a share of the output's largest value. */
export async function errorAgainstKeras(graph: Graph, golden: Golden): Promise<number> {
  const session = await (await loadRuntime()).createSession(encodeModel(graph));
  const data = Float32Array.from(golden.inputs, (value) => value / 32);
  const feeds = { [graph.inputs[0]?.name ?? ""]: { type: "float32", dims: golden.shape, data } };
  const results = await session.run(feeds as Parameters<typeof session.run>[0]);
  await session.release();
  const found = results[graph.outputs[0]?.name ?? ""]?.data ?? [];
  if (found.length !== golden.output.length) throw new Error(`${found.length} outputs`);
  const scale = Math.max(...golden.output.map(Math.abs));
  const differences = golden.output.map((value, index) => Math.abs(value - Number(found[index])));
  return Math.max(...differences) / scale;
}
