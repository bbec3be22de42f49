import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../graph/input-error.ts";

/** Keeps two processes from working on one run. */
export interface RunLock {
  release(): Promise<void>;
}

/** Holds the number of the process that works on the run. */
const LOCK_FILE = "running.pid";

/** @throws InputError while the process that holds the lock lives; a killed one's lock counts no more. */
export async function lockRun(folder: string): Promise<RunLock> {
  const path = join(folder, LOCK_FILE);
  const holder = Number(await readFile(path, "utf8").catch(() => ""));
  if (Number.isInteger(holder) && holder > 0 && isAlive(holder)) {
    throw new InputError(
      `the run is still going on in process ${holder}; where that is another program by now, delete ${LOCK_FILE}`,
      folder,
    );
  }
  await writeFile(path, String(process.pid));
  return { release: () => rm(path, { force: true }) };
}

function isAlive(process_: number): boolean {
  try {
    process.kill(process_, 0);
    return true;
  } catch (error) {
    // A process of somebody else is alive as well.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
