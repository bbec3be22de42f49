import { parentPort } from "node:worker_threads";
import { decodeFile, type SampleForm } from "./decode-file.ts";

/** A file to decode in the thread, and what comes back under the same number. */
export interface DecodeRequest {
  readonly id: number;
  readonly path: string;
  readonly form: SampleForm;
}

export type DecodeAnswer =
  | { readonly id: number; readonly sample: Float32Array<ArrayBuffer> }
  | { readonly id: number; readonly problem: string };

/** The thread's program: decodes one file after the other, beside the training steps. */
parentPort?.on("message", async ({ id, path, form }: DecodeRequest) => {
  try {
    const sample = (await decodeFile(path, form)) as Float32Array<ArrayBuffer>;
    parentPort?.postMessage({ id, sample } satisfies DecodeAnswer, [sample.buffer]);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    parentPort?.postMessage({ id, problem } satisfies DecodeAnswer);
  }
});
