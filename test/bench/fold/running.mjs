import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

/**
 * Folding file to file in a process that runs already, as the editor's engine does, against a plain
 * copy of the same file in the same process: `node test/bench/fold/running.mjs MODEL.onnx [ROUNDS]`.
 * fold.mjs is the same from the start of a process. Prints medians of the rounds and of their ratios.
 */

const WARM_UP = 3;
const [model, rounds = "15"] = process.argv.slice(2);
if (model === undefined) throw new Error("usage: node test/bench/fold/running.mjs MODEL [ROUNDS]");

const here = dirname(fileURLToPath(import.meta.url));
const cache = join(here, "..", "..", "..", "node_modules", ".cache", "normlens-bench");
await mkdir(cache, { recursive: true });
const bundle = join(cache, "running-fold.mjs");
await build({
  entryPoints: [join(here, "running.ts")],
  outfile: bundle,
  bundle: true,
  platform: "node",
  format: "esm",
});
const { foldAndCopy } = await import(pathToFileURL(bundle).href);

const folder = await mkdtemp(join(tmpdir(), "normlens-running-"));
try {
  const measured = (await foldAndCopy(model, folder, WARM_UP + Number(rounds))).slice(WARM_UP);
  const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
  const of = (pick) => Number(median(measured.map(pick)).toFixed(3));
  console.log(
    JSON.stringify({
      model,
      rounds: measured.length,
      copySeconds: of((round) => round.copySeconds),
      foldSeconds: of((round) => round.foldSeconds),
      ratio: of((round) => round.foldSeconds / round.copySeconds),
    }),
  );
} finally {
  await rm(folder, { recursive: true });
}
