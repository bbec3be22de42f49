import { type ChildProcess, fork } from "node:child_process";
import { Cancelled } from "../engine/context.ts";
import type { TrainingEvent } from "../protocol/training.ts";
import { commandContext } from "./command.ts";
import { type FromSupervisor, type ToSupervisor, TRAINING_PROCESS } from "./training-process.ts";

/** A process that has not answered Ctrl-C after so many milliseconds is inside a long step. */
const PATIENCE = 80;

/** How a training process ended, and what it had told until then. */
interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly run: string | undefined;
  /** Its number, where it was killed as it did not answer. */
  readonly killed: number | undefined;
}

/**
 * Trains in a process of its own, this command again, so that Ctrl-C is answered within a quarter
 * of a second whatever a step takes: the process is killed where it does not hear of it, and the
 * run is ended from what is on the disk.
 *
 * @param show prints the events of a run that is ended here.
 * @returns the exit code.
 * @throws Cancelled where no model had been written yet.
 */
export async function superviseTraining(show: (event: TrainingEvent) => void): Promise<number> {
  // Loaded while the process starts, as there is no time for it later.
  const loading = Promise.all([
    import("../training/end-killed-run.ts"),
    import("../engine/prepared-model.ts"),
  ]);
  const [, script = "", ...args] = process.argv;
  const child = fork(script, args, {
    execArgv: process.execArgv,
    env: { ...process.env, [TRAINING_PROCESS]: "1" },
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  const { code, signal, run, killed } = await ended(child);
  if (killed === undefined) {
    if (signal === null) return code ?? 2;
    process.kill(process.pid, signal);
    return 2;
  }
  // The progress bar hides the cursor.
  if (process.stderr.isTTY) process.stderr.write("\u001B[?25h\n");
  if (run === undefined) throw new Cancelled();
  const [{ endKilledRun }, { prepares }] = await loading;
  const prepared = prepares(commandContext());
  const bestModel = await endKilledRun({ folder: run, process: killed, prepared, onEvent: show });
  if (bestModel === undefined) throw new Cancelled();
  return 0;
}

/** Passes Ctrl-C on and waits for the end; a second Ctrl-C does not wait. */
async function ended(child: ChildProcess): Promise<Ending> {
  let run: string | undefined;
  let answered = false;
  let asked = false;
  let patience: NodeJS.Timeout | undefined;
  child.on("message", (message: ToSupervisor) => {
    if (message.type === "begun") run = message.run;
    else {
      answered = true;
      clearTimeout(patience);
    }
  });
  let kill: () => void = () => undefined;
  const interrupt = () => {
    if (asked) return kill();
    asked = true;
    const cancel: FromSupervisor = { type: "cancel" };
    if (child.connected) child.send(cancel, () => undefined);
    if (!answered) patience = setTimeout(() => kill(), PATIENCE);
  };
  const terminate = (signal: NodeJS.Signals) => child.kill(signal);
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", terminate);
  try {
    return await new Promise<Ending>((resolve, reject) => {
      kill = () => {
        if (!child.kill("SIGKILL")) return;
        resolve({ code: null, signal: null, run, killed: child.pid });
        // It does nothing any more; the system may take a while to take its memory back.
        if (child.connected) child.disconnect();
        child.unref();
      };
      child.on("error", reject);
      child.on("exit", (code, signal) => resolve({ code, signal, run, killed: undefined }));
    });
  } finally {
    clearTimeout(patience);
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", terminate);
  }
}
