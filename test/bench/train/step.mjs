import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

/**
 * Times the training step of the benchmark's networks, ours and PyTorch's in turn, and prints the
 * ratio: `node test/bench/train/step.mjs [--network cnn28] [--batch 64] [--threads 2] [--steps 50]`.
 *
 * PyTorch takes part where Python with torch is at hand (the interpreter in PYTHON, else python3).
 * The two take turns, and the ratio is the median of the rounds' own ratios: a shared machine changes
 * its speed from one second to the next, which neither side's best round would survive.
 */

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..", "..");
const ROUNDS = 7;

const { values } = parseArgs({
  options: {
    network: { type: "string" },
    batch: { type: "string", default: "64" },
    threads: { type: "string", default: "2" },
    steps: { type: "string", default: "50" },
  },
});
const samples = join(root, "media", "samples");
const networks = {
  "digits-mlp": join(samples, "digits-mlp.onnx"),
  "digits-cnn": join(samples, "digits-cnn.onnx"),
  cnn28: join(here, "cnn28.onnx"),
  cnn32: join(here, "cnn32.onnx"),
};
const options = {
  batch: Number(values.batch),
  threads: Number(values.threads),
  steps: Number(values.steps),
};

// Beside the packages, so that the bundle finds the native runtime.
const folder = join(root, "node_modules", ".cache", "normlens-bench");
mkdirSync(folder, { recursive: true });
const bundle = join(folder, "measure-step.mjs");
await build({
  entryPoints: [join(here, "measure-step.ts")],
  outfile: bundle,
  bundle: true,
  platform: "node",
  format: "esm",
  external: ["onnxruntime-node", "onnxruntime-web"],
  banner: {
    js: 'import { createRequire as benchRequire } from "node:module"; const require = benchRequire(import.meta.url);',
  },
});
const { measureStep } = await import(pathToFileURL(bundle).href);

function pytorch(network) {
  const script = join(here, "pytorch_step.py");
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  try {
    const output = execFileSync(
      process.env.PYTHON ?? "python3",
      [script, "--network", network, ...flags],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
    return JSON.parse(output);
  } catch {
    return undefined;
  }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const milliseconds = (rounds) => median(rounds.map((round) => round.medianMs));

for (const [network, model] of Object.entries(networks)) {
  if (values.network !== undefined && values.network !== network) continue;
  const ours = [];
  const theirs = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await measureStep(model, options));
    const measured = pytorch(network);
    if (measured !== undefined) theirs.push(measured);
  }
  const report = { network, ...options, nodes: ours[0].nodes, normlensMs: milliseconds(ours) };
  const ratios = theirs.map((round, index) => ours[index].medianMs / round.medianMs);
  const comparison =
    theirs.length === 0 ? {} : { pytorchMs: milliseconds(theirs), ratio: median(ratios) };
  console.log(
    JSON.stringify({ ...report, ...comparison }, (_, value) =>
      typeof value === "number" ? Number(value.toFixed(3)) : value,
    ),
  );
}
