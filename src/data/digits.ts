import { createReadStream, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createGunzip } from "node:zlib";
import { readBounded } from "./bounded-file.ts";
import { parseCsv } from "./csv.ts";
import type { MemoryDataset } from "./dataset.ts";

const FILE = join("media", "samples", "digits.csv.gz");

/** The largest pixel value in the file. */
const WHITE = 16;

/**
 * The embedded data set: 1,797 handwritten digits of 8×8 pixels (UCI, CC BY 4.0, see
 * media/samples/SOURCE.md), in file order, pixels divided by 16 to 0…1.
 */
export async function readDigits(): Promise<MemoryDataset> {
  const path = embeddedFile();
  const bytes = await readBounded(createReadStream(path).pipe(createGunzip()), path);
  const table = parseCsv(new TextDecoder().decode(bytes), "digits", path, { kind: "classes" });
  const features = table.features.map((pixel) => pixel / WHITE);
  return { ...table, features, sampleShape: [1, 8, 8] };
}

/**
 * media/ lies beside package.json: above src/ in a checkout, above dist/ in the built and in the
 * packaged extension.
 */
function embeddedFile(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) || !existsSync(join(folder, FILE))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`the installation is incomplete: ${FILE} is missing`);
    folder = parent;
  }
  return join(folder, FILE);
}
