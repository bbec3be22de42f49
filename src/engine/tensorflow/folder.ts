import { homedir } from "node:os";
import { join } from "node:path";

/** Where TensorFlow is installed on demand: among what this user's programs keep, not in the extension. */
export function tensorFlowFolder(): string {
  const home = homedir();
  const folders: Partial<Record<NodeJS.Platform, string>> = {
    win32: process.env.LOCALAPPDATA ?? join(home, "AppData", "Local"),
    darwin: join(home, "Library", "Application Support"),
  };
  const share = process.env.XDG_DATA_HOME || join(home, ".local", "share");
  return join(folders[process.platform] ?? share, "normlens", "tensorflow");
}
