import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { InputError } from "../graph/input-error.ts";

/** Keeps two processes from working on one run. */
export interface RunLock {
  release(): Promise<void>;
}

/** Holds the number of the process that works on the run. */
const LOCK_FILE = "running.pid";

/** A process whose parent was killed ends after the step it is in, most of the time within so many ms. */
const PATIENCE = 3000;

/**
 * @param killed number of a process whose lock counts no more, though it may still be there.
 * @throws InputError while the process that holds the lock lives; a killed one's lock counts no more.
 */
export async function lockRun(folder: string, killed?: number): Promise<RunLock> {
  const path = join(folder, LOCK_FILE);
  const end = performance.now() + PATIENCE;
  for (;;) {
    const holder = await holderOf(path);
    if (holder === undefined || holder === killed) break;
    if (performance.now() < end) {
      await setTimeout(50);
      continue;
    }
    throw new InputError(
      `the run is still going on in process ${holder}; where that is another program by now, delete ${LOCK_FILE}`,
      folder,
    );
  }
  await writeFile(path, String(process.pid));
  return { release: () => rm(path, { force: true }) };
}

/** The living process that holds the lock, if any. */
async function holderOf(path: string): Promise<number | undefined> {
  const holder = Number(await readFile(path, "utf8").catch(() => ""));
  return Number.isInteger(holder) && holder > 0 && isAlive(holder) ? holder : undefined;
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
