import { type ChildProcess, spawn } from "node:child_process";

const stopLimit = 8_000;

/**
 * Starts a command as a process group of its own under a shell that ends the whole group when its
 * standard input closes: also when this process is killed and can clean up nothing itself.
 */
export function spawnGroup(command: string[], env: NodeJS.ProcessEnv): ChildProcess {
  const guard = '("$@" </dev/null; kill -TERM 0) & cat >/dev/null; kill -TERM 0';
  const stdio: ["pipe", "pipe", "pipe"] = ["pipe", "pipe", "pipe"];
  return spawn("/bin/sh", ["-c", guard, "guard", ...command], { detached: true, stdio, env });
}

/** Asks once, so that the extension host can shut down in order; then insists. */
export async function endGroup(child: ChildProcess): Promise<void> {
  signalGroup(child, "SIGTERM");
  if (!(await groupIsGone(child, stopLimit))) {
    signalGroup(child, "SIGKILL");
    await groupIsGone(child, stopLimit);
  }
}

async function groupIsGone(child: ChildProcess, limit: number): Promise<boolean> {
  const deadline = Date.now() + limit;
  while (signalGroup(child, 0)) {
    if (Date.now() > deadline) {
      return false;
    }
    await new Promise((wake) => setTimeout(wake, 50));
  }
  return true;
}

/** Returns whether anyone in the group was there to hear it; signal 0 only asks. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) {
    return false;
  }
  try {
    return process.kill(-child.pid, signal);
  } catch {
    return false;
  }
}
