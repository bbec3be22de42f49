import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { measure } from "./measure.mjs";

/**
 * Folds a model with gigabytes of external data by the built command line and prints time and peak
 * memory: `npm run build && node test/bench/fold/large.mjs [GIGABYTES]`, 3 unless told.
 *
 * The model is a sparse file and takes no disk space; the result takes all of it, in the system's
 * folder for temporary files.
 */

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..", "..");
const CHANNELS = 1536;
const LAYER_BYTES = CHANNELS * CHANNELS * 9 * 4;

const gigabytes = Number(process.argv[2] ?? 3);
const layers = Math.ceil((gigabytes * 1e9) / LAYER_BYTES);
const folder = await mkdtemp(join(tmpdir(), "normlens-large-"));
try {
  const bundle = join(folder, "large-model.mjs");
  await build({
    entryPoints: [join(root, "test/support/large-model.ts")],
    outfile: bundle,
    bundle: true,
    format: "esm",
    platform: "node",
  });
  const { writeLargeModel } = await import(bundle);
  const model = join(folder, "large.onnx");
  const bytes = await writeLargeModel(model, { layers, channels: CHANNELS, normalized: layers });
  await mkdir(join(folder, "out"));
  const result = join(folder, "out", "large.onnx");
  const cli = join(root, "dist", "cli.js");
  const { seconds, peakBytes } = await measure([cli, "fold", model, "-o", result, "--no-verify"]);
  const megabytes = (value) => Math.round(value / 1e6);
  console.log(
    `${megabytes(bytes)} MB in ${layers} layers of ${megabytes(LAYER_BYTES)} MB: ${seconds.toFixed(1)} s, peak memory ${megabytes(peakBytes)} MB`,
  );
} finally {
  await rm(folder, { recursive: true });
}
