import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { InputError } from "../../graph/input-error.ts";
import { decodeFile, type SampleForm } from "./decode-file.ts";
import type { DecodeAnswer, DecodeRequest } from "./decode-worker.ts";

/** Beside the bundles; in a checkout that was not built there is none. */
const PROGRAM = join("dist", "decode.js");

const MOST_THREADS = 4;

type Waiting = {
  readonly resolve: (sample: Float32Array) => void;
  readonly reject: (error: Error) => void;
};

/** One thread. It keeps the process alive only while somebody waits for it. */
class DecodeThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(program: string) {
    this.#worker = new Worker(program);
    this.#worker.unref();
    this.#worker.on("message", (answer: DecodeAnswer) => this.#answer(answer));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("the thread that decodes files has ended")));
  }

  decode(path: string, form: SampleForm): Promise<Float32Array> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, path, form } satisfies DecodeRequest);
    });
  }

  #answer(answer: DecodeAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ("sample" in answer) waiting?.resolve(answer.sample);
    else waiting?.reject(new InputError(answer.problem));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    threads = undefined;
  }
}

let threads: readonly DecodeThread[] | undefined;
let turn = 0;

/**
 * Decodes a file in a thread, since a training step blocks the process it runs in: what is needed next is
 * decoded meanwhile. Sources that are run without a build have no threads, and decode between the steps.
 */
export function decodeBeside(path: string, form: SampleForm): Promise<Float32Array> {
  threads ??= startThreads();
  const thread = threads[turn++ % Math.max(1, threads.length)];
  return thread === undefined ? decodeFile(path, form) : thread.decode(path, form);
}

function startThreads(): readonly DecodeThread[] {
  const program = builtProgram();
  if (program === undefined) return [];
  const count = Math.min(MOST_THREADS, Math.max(1, availableParallelism() - 1));
  return Array.from({ length: count }, () => new DecodeThread(program));
}

function builtProgram(): string | undefined {
  const own = fileURLToPath(import.meta.url);
  if (own.endsWith(".ts")) return undefined;
  let folder = dirname(own);
  while (!existsSync(join(folder, PROGRAM))) {
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
  return join(folder, PROGRAM);
}
