import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
} from "vscode-jsonrpc/node";
import type { Log } from "../log.ts";

export interface EngineLaunch {
  /** Path of the bundled engine. */
  readonly entry: string;
  /** Asked at each start, so that changed settings apply to the next process. */
  readonly execArgv: () => readonly string[];
}

/** One engine process with its connection; it ends once and is not started again. */
export class EngineProcess {
  readonly connection: MessageConnection;
  /** Resolves when the process is gone, whatever the reason, with a phrase that says it. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #stopping = false;
  #endNow: (cause: string) => void = () => undefined;

  constructor(launch: EngineLaunch, log: Log) {
    this.#child = fork(launch.entry, [], {
      execArgv: [...launch.execArgv()],
      // In a desktop VS Code the executable is Electron, which is Node only when told so.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    forwardLines(this.#child.stdout, (line) => log.info(`engine: ${line}`));
    forwardLines(this.#child.stderr, (line) => log.warn(`engine: ${line}`));
    this.ended = new Promise((resolve) => {
      this.#endNow = resolve;
      this.#child.once("error", (error) => resolve(error.message));
      this.#child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    this.connection = createMessageConnection(
      new IPCMessageReader(this.#child),
      new IPCMessageWriter(this.#child),
    );
    this.connection.onError(([error]) => log.warn(`engine connection: ${error.message}`));
    this.connection.listen();
    void this.ended.then(() => this.connection.dispose());
  }

  get processId(): number | undefined {
    return this.#child.pid;
  }

  /** True once stop was called: its end is then no crash. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /**
   * Ends at once, also inside a native kernel. The process does nothing any more, though it may take
   * the system a while to take its memory back; that is not waited for.
   */
  kill(): void {
    this.#stopping = true;
    if (this.#child.kill("SIGKILL")) this.#endNow("SIGKILL");
  }

  stop(): void {
    this.#stopping = true;
    this.#child.kill();
    // A process deep inside a native kernel does not run its signal handlers.
    const insist = setTimeout(() => this.#child.kill("SIGKILL"), 1000);
    insist.unref();
    void this.ended.then(() => clearTimeout(insist));
  }
}

function forwardLines(stream: Readable | null, write: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on("line", write);
}
