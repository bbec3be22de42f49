import { createHash } from "node:crypto";
import type { Dataset } from "../data/dataset.ts";
import { encodeModel } from "../formats/onnx/write.ts";
import type { Graph } from "../graph/graph.ts";

/** SHA-256 of everything in the model: nodes, names and numbers. */
export function modelFingerprint(graph: Graph): string {
  return createHash("sha256").update(encodeModel(graph)).digest("hex");
}

/** SHA-256 of samples and targets; not of the file, which may hold the same data otherwise. */
export function dataFingerprint({ sampleShape, features, targets }: Dataset): string {
  const hash = createHash("sha256").update(JSON.stringify(sampleShape));
  hash.update(features instanceof Float32Array ? bytesOf(features) : features.fingerprint);
  if (targets?.kind === "classes") {
    hash.update(JSON.stringify(targets.classNames)).update(bytesOf(targets.labels));
  }
  if (targets?.kind === "numbers") {
    hash.update(JSON.stringify(targets.shape)).update(bytesOf(targets.values));
  }
  return hash.digest("hex");
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
