import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

/**
 * Times the training step of the benchmark's networks, ours and its peers' in turn, and prints the
 * ratios: `node test/bench/train/step.mjs [--network cnn28] [--batch 64] [--threads 2] [--steps 50]
 * [--rounds 7] [--peers pytorch,statistics]`. Ratios of the processes' largest memory stand beside those of
 * time. The peer "statistics" is our own step with what a run records by default.
 *
 * The networks mlp and resnet18, which are too large to be kept here, are made by PyTorch first.
 * PyTorch takes part where Python with torch is at hand (the interpreter in PYTHON, else python3), and
 * tfjs-node where docs/tensorflow.md says it is looked for. TensorFlow.js in WebAssembly has one
 * thread in Node, and its gradient of a convolution's filter is composed (wasm-gradients.ts).
 * All take turns, and a ratio is the median of the rounds' own ratios: a shared machine changes
 * its speed from one second to the next, which nobody's best round would survive.
 */

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..", "..");
const { values } = parseArgs({
  options: {
    network: { type: "string" },
    batch: { type: "string", default: "64" },
    threads: { type: "string", default: "2" },
    steps: { type: "string", default: "50" },
    rounds: { type: "string", default: "7" },
    peers: { type: "string", default: "statistics,pytorch,tfjsNode,tfjsWasm" },
  },
});
const samples = join(root, "media", "samples");
const networks = {
  "digits-mlp": join(samples, "digits-mlp.onnx"),
  "digits-cnn": join(samples, "digits-cnn.onnx"),
  cnn28: join(here, "cnn28.onnx"),
  cnn32: join(here, "cnn32.onnx"),
};
const LARGE = ["mlp", "resnet18"];
const python = process.env.PYTHON ?? "python3";
const options = {
  batch: Number(values.batch),
  threads: Number(values.threads),
  steps: Number(values.steps),
};

// Beside the packages, so that the bundle finds the native runtime.
const folder = join(root, "node_modules", ".cache", "normlens-bench");
mkdirSync(folder, { recursive: true });
if (LARGE.includes(values.network)) {
  const model = join(folder, `${values.network}.onnx`);
  if (!existsSync(model)) execFileSync(python, [join(here, "networks.py"), folder]);
  networks[values.network] = model;
}
async function bundled(name) {
  const outfile = join(folder, `${name}.mjs`);
  await build({
    entryPoints: [join(here, `${name}.ts`)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["onnxruntime-node", "onnxruntime-web", "@tensorflow/*"],
    banner: {
      js: 'import { createRequire as benchRequire } from "node:module"; const require = benchRequire(import.meta.url);',
    },
  });
  return outfile;
}
const normlens = await bundled("measure-step");
const tensorFlow = await bundled("measure-tensorflow");

/** The measurement that a process prints; undefined where it cannot run. */
function measured(command, args, environment = {}) {
  try {
    const output = execFileSync(command, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, ...environment },
    });
    return JSON.parse(output.trim().split("\n").at(-1));
  } catch {
    return undefined;
  }
}

function flags(network, names) {
  return ["--network", network, ...names.flatMap((name) => [`--${name}`, String(options[name])])];
}

function ownStep(model, ...further) {
  const all = flags(undefined, ["batch", "threads", "steps"]).slice(2);
  return measured(process.execPath, [normlens, "--model", model, ...all, ...further]);
}

/** By name: what measures the step of a network, each in a process of its own. */
const peers = {
  statistics: (network) => ownStep(networks[network], "--statistics"),
  pytorch: (network) => {
    const script = join(here, "pytorch_step.py");
    const all = flags(network, ["batch", "threads", "steps"]);
    return measured(python, [script, ...all]);
  },
  tfjsNode: (network) =>
    measured(
      process.execPath,
      [tensorFlow, "--engine", "node", ...flags(network, ["batch", "steps"])],
      { TF_NUM_INTRAOP_THREADS: String(options.threads) },
    ),
  tfjsWasm: (network) =>
    measured(process.execPath, [
      tensorFlow,
      "--engine",
      "wasm",
      ...flags(network, ["batch", "steps"]),
    ]),
};

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const milliseconds = (rounds) => median(rounds.map((round) => round.medianMs));

for (const [network, model] of Object.entries(networks)) {
  if (values.network !== undefined && values.network !== network) continue;
  const ours = [];
  const asked = Object.entries(peers).filter(([name]) => values.peers.split(",").includes(name));
  const theirs = Object.fromEntries(asked.map(([name]) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    ours.push(ownStep(model));
    for (const [name, measure] of asked) {
      const result = measure(network);
      if (result !== undefined) theirs[name].push({ ...result, round });
    }
  }
  const report = { network, ...options, nodes: ours[0].nodes, normlensMs: milliseconds(ours) };
  const mebibytes = (all) => median(all.map(({ peakMiB }) => peakMiB));
  report.normlensMiB = mebibytes(ours);
  for (const [name, rounds] of Object.entries(theirs)) {
    if (rounds.length === 0) continue;
    const ratios = rounds.map(({ round, medianMs }) => ours[round].medianMs / medianMs);
    report[`${name}Ms`] = milliseconds(rounds);
    report[`${name}Ratio`] = median(ratios);
    if (rounds.every(({ peakMiB }) => peakMiB !== undefined)) {
      report[`${name}MiB`] = mebibytes(rounds);
      report[`${name}MemoryRatio`] = mebibytes(ours) / mebibytes(rounds);
    }
  }
  console.log(
    JSON.stringify(report, (_, value) =>
      typeof value === "number" ? Number(value.toFixed(3)) : value,
    ),
  );
}
