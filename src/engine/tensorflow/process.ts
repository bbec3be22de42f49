import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  CancellationTokenSource,
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
  ResponseError,
} from "vscode-jsonrpc/node";
import { InputError } from "../../graph/input-error.ts";
import {
  CANCELLED_CODE,
  type EngineParams,
  type EngineResult,
  INPUT_ERROR_CODE,
  TRAINING_EVENT,
} from "../../protocol/engine.ts";
import type { TrainingEvent } from "../../protocol/training.ts";
import { Cancelled } from "../context.ts";
import type { TensorFlowMethod } from "./methods.ts";

/** Bytes of what the process has written to its error output that an unexpected end quotes from. */
const LONGEST_ERROR_OUTPUT = 4096;

/** The library's notes on what it does, and a warning that it would log earlier than it can. */
const NO_REASON = /^([IW]\d{4} |WARNING: All log messages|To enable the following|$)/;

/** The process came to an end of its own: killed by the system, or by a fault of the library. */
export class TensorFlowEnded extends InputError {}

/** A TensorFlow process: it answers like an engine process, and ends with `stop`. */
export class TensorFlowProcess {
  readonly #child: ChildProcess;
  readonly #connection: MessageConnection;
  readonly #ended: Promise<string>;
  #errorOutput = "";

  /** @param environment on top of this process's own. */
  constructor(environment: Readonly<Record<string, string>> = {}) {
    this.#child = fork(entry(), [], {
      execArgv: [],
      env: {
        ...process.env,
        // Inside VS Code the executable is Electron, which is Node only when told so.
        ELECTRON_RUN_AS_NODE: "1",
        // Errors only; the library is talkative otherwise.
        TF_CPP_MIN_LOG_LEVEL: "2",
        ...environment,
      },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errorOutput = (this.#errorOutput + text).slice(-LONGEST_ERROR_OUTPUT);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", (error) => resolve(error.message));
      this.#child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    this.#connection = createMessageConnection(
      new IPCMessageReader(this.#child),
      new IPCMessageWriter(this.#child),
    );
    this.#connection.onError(() => undefined);
    this.#connection.listen();
  }

  /** @throws InputError, Cancelled, or Error as the process answers; TensorFlowEnded where it ends instead. */
  async request<M extends TensorFlowMethod>(
    method: M,
    params: EngineParams<M>,
    signal?: AbortSignal,
  ): Promise<EngineResult<M>> {
    const cancel = new CancellationTokenSource();
    const abort = () => cancel.cancel();
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
    try {
      const answer = this.#connection.sendRequest<EngineResult<M>>(method, params, cancel.token);
      return await Promise.race([answer, this.#ended.then((cause) => this.#fail(cause))]);
    } catch (error) {
      throw asOwnError(error);
    } finally {
      signal?.removeEventListener("abort", abort);
      cancel.dispose();
    }
  }

  /** 0 where it did not start. */
  get processId(): number {
    return this.#child.pid ?? 0;
  }

  onTrainingEvent(listener: (event: TrainingEvent) => void): void {
    this.#connection.onNotification(TRAINING_EVENT, listener);
  }

  stop(): void {
    this.#connection.dispose();
    // It holds no state worth an orderly end, and deep inside TensorFlow it would not hear of one.
    this.#child.kill("SIGKILL");
  }

  #fail(cause: string): never {
    const lines = this.#errorOutput.split("\n").map((line) => line.trim());
    const last = lines.findLast((line) => !NO_REASON.test(line));
    // The kernel says nothing where it takes a process for want of memory.
    const killed = cause === "SIGKILL" ? ", as the system does where memory runs out" : "";
    throw new TensorFlowEnded(
      `TensorFlow's process ended unexpectedly (${cause}${killed})${last === undefined ? "" : `: ${last}`}`,
    );
  }
}

function asOwnError(error: unknown): unknown {
  if (!(error instanceof ResponseError)) return error;
  if (error.code === CANCELLED_CODE) return new Cancelled();
  return error.code === INPUT_ERROR_CODE ? new InputError(error.message) : error;
}

/** dist/tensorflow.js lies below the folder of package.json, in a checkout and in the extension. */
function entry(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("the installation is incomplete: no package.json");
    folder = parent;
  }
  return join(folder, "dist", "tensorflow.js");
}
