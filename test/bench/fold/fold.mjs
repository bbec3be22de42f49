import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measure } from "./measure.mjs";
import { tools, versions } from "./tools.mjs";

/**
 * Time and peak memory of folding a file to a file, each tool in a process of its own, beside a
 * plain copy: `npm run build && node test/bench/fold/fold.mjs FOLDER [ROUNDS]`, where
 * test/oracles/architectures.py has put the models.
 *
 * The tools take turns and each counts with its best round, because a shared machine only ever
 * makes a round slower. onnxsim takes part in the first round alone.
 */

const LIMIT_SECONDS = 120;
const MODELS = ["resnet50", "densenet121", "efficientnet_b0"];

const [models, rounds = "5"] = process.argv.slice(2);
if (models === undefined) throw new Error("usage: node test/bench/fold/fold.mjs FOLDER [ROUNDS]");

const folder = await mkdtemp(join(tmpdir(), "normlens-fold-"));
console.log(versions());
try {
  for (const name of MODELS) {
    const best = new Map();
    for (let round = 0; round < Number(rounds); round++) {
      for (const [tool, command] of Object.entries(tools)) {
        if (tool === "onnxsim" && round > 0) continue;
        const result = await measure(
          command(join(models, `${name}.onnx`), join(folder, "out.onnx")),
          LIMIT_SECONDS,
        );
        if (result === undefined) continue;
        const known = best.get(tool);
        if (known === undefined || result.seconds < known.seconds) best.set(tool, result);
      }
    }
    const copy = best.get("copy");
    for (const tool of Object.keys(tools)) {
      const result = best.get(tool);
      const text =
        result === undefined
          ? `no result in ${LIMIT_SECONDS} s`
          : `${result.seconds.toFixed(2)} s (${(result.seconds / copy.seconds).toFixed(2)} × copy), ${result.cpuSeconds.toFixed(2)} s of processor time, ${Math.round(result.peakBytes / 1e6)} MB`;
      console.log(`${name}  ${tool}: ${text}`);
    }
  }
} finally {
  await rm(folder, { recursive: true });
}
