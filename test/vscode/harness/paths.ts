import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The checkout. It is found by walking up rather than by a fixed `../..`, because the scripts run
 * this module from a bundle that lies elsewhere in the checkout.
 */
export const root = nearestPackage(dirname(fileURLToPath(import.meta.url)));

/** Where tests leave screenshots and logs; ignored by git. */
export const resultsFolder = join(root, "test-results");

function nearestPackage(folder: string): string {
  if (existsSync(join(folder, "package.json"))) {
    return folder;
  }
  const parent = dirname(folder);
  if (parent === folder) {
    throw new Error("This script must run from inside a checkout of NormLens.");
  }
  return nearestPackage(parent);
}
