import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { model as perceptron, root } from "./train-once.mjs";

/**
 * Makes the pictures of docs/techniques that show passes and analyses and not a training run: every
 * number is what the command line answers, on the samples and the digits.
 * `npm run build && node test/bench/techniques/analysis-pictures.mjs [NAME…]`; Chromium is looked for
 * in CHROMIUM_PATH, then at /usr/bin/chromium.
 */

const convolutions = join(root, "media", "samples", "digits-cnn.onnx");
const folder = await mkdtemp(join(tmpdir(), "normlens-picture-"));
const COLORS = ["#0072b2", "#d55e00", "#009e73"];

function normlens(...args) {
  const output = execFileSync("node", [join(root, "dist", "cli.js"), ...args, "--json"], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = output.trim().split("\n");
  return JSON.parse(lines.at(-1));
}

async function train(model, options, name) {
  const config = join(folder, `${name}.json`);
  await writeFile(config, JSON.stringify({ seed: 0, threads: 1, ...options }));
  const out = join(folder, `${name}.onnx`);
  const files = ["--config", config, "-o", out, "--runs", join(folder, `${name}-runs`)];
  normlens("train", model, "--data", "digits", ...files);
  return out;
}

/** Accuracy on the digits after each share is gone. */
function pruning() {
  const shares = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
  const accuracy = (share, ...options) => {
    const place = ["-o", join(folder, "pruned.onnx"), "--data", "digits"];
    const set = ["--set", `share=${share}`, ...options];
    const { tables } = normlens("apply", "prune-magnitude", convolutions, ...place, ...set);
    return Number.parseFloat(tables.at(-1).rows[1][1]);
  };
  const curves = {
    "weights, all layers together": ["scope=global"],
    "weights of each layer": ["scope=layer"],
    "channels of each layer": ["scope=layer", "structure=channels"],
  };
  const datasets = Object.entries(curves).map(([label, options]) => ({
    label,
    data: shares.map((share) => accuracy(share, ...options)),
  }));
  const axes = { x: "share that is pruned", y: "accuracy on the digits (%)" };
  return { type: "line", labels: shares, datasets, axes };
}

/** How many samples are wrong in each tenth of them, the least sure first. */
async function monteCarloDropout() {
  const dropped = join(folder, "dropped.onnx");
  normlens("apply", "insert-dropout", perceptron, "-o", dropped, "--set", "rate=0.2");
  const trained = await train(dropped, { maxEpochs: 500 }, "dropout");
  const { tables } = normlens("analyze", "monte-carlo-dropout", trained, "--data", "digits");
  const { columns, rows } = tables.find(({ columns }) => columns.includes("prediction"));
  const [label, prediction] = ["label", "prediction"].map((name) => columns.indexOf(name));
  const tenth = Math.ceil(rows.length / 10);
  const wrong = Array.from({ length: 10 }, (_, k) => {
    const part = rows.slice(k * tenth, (k + 1) * tenth);
    return part.filter((row) => row[label] !== row[prediction]).length;
  });
  return {
    type: "bar",
    labels: wrong.map((_, k) => `${10 * k}–${10 * (k + 1)} %`),
    datasets: [{ label: "wrong predictions", data: wrong }],
    axes: { x: "samples, most uncertain first", y: "wrong predictions" },
  };
}

/** η/‖W‖² of each weight whose scale is free. */
function scaleRobustness() {
  const set = ["--set", "learningRate=0.1"];
  const model = join(root, "media", "samples", "narrow-mobilenetv2.onnx");
  const { rows } = normlens("analyze", "scale-robustness", model, ...set).tables[0];
  return {
    type: "line",
    labels: rows.map((_, k) => k + 1),
    datasets: [{ label: "η/‖W‖² with η = 0.1", data: rows.map((row) => row[3]) }],
    axes: { x: `the ${rows.length} weights with a free scale, in order`, y: "η/‖W‖²" },
    logarithmic: true,
  };
}

/** Saturated units of each layer after three epochs at each learning rate. */
async function activationHealth() {
  const rates = [0.1, 1, 5, 10, 20, 50];
  const bySigmoid = new Map();
  for (const learningRate of rates) {
    const optimizer = { kind: "sgd", learningRate };
    const trained = await train(perceptron, { maxEpochs: 3, optimizer }, `rate-${learningRate}`);
    const { tables } = normlens("analyze", "activation-health", trained, "--data", "digits");
    const column = tables[0].columns.indexOf("saturated");
    for (const row of tables[0].rows) {
      bySigmoid.set(row[0], [...(bySigmoid.get(row[0]) ?? []), row[column]]);
    }
  }
  return {
    type: "bar",
    labels: rates,
    datasets: [...bySigmoid].map(([label, data]) => ({ label, data })),
    axes: { x: "learning rate of three epochs", y: "saturated units of 100" },
  };
}

const PICTURES = {
  pruning,
  "monte-carlo-dropout": monteCarloDropout,
  "scale-robustness": scaleRobustness,
  "activation-health": activationHealth,
};

/** Draws in the page, where Chart is chart.js. */
function draw({ type, labels, datasets, axes, logarithmic }, colors) {
  const title = (text) => ({ display: true, text, font: { size: 14 } });
  const colored = datasets.map((dataset, k) => ({
    ...dataset,
    borderColor: colors[k],
    backgroundColor: colors[k],
  }));
  const vertical = logarithmic ? { type: "logarithmic" } : { beginAtZero: true };
  new globalThis.Chart(document.querySelector("canvas"), {
    type,
    data: { labels, datasets: colored },
    options: {
      animation: false,
      scales: { x: { title: title(axes.x) }, y: { title: title(axes.y), ...vertical } },
    },
  });
}

const only = process.argv.slice(2);
const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
try {
  const page = await browser.newPage({ viewport: { width: 800, height: 420 } });
  for (const [name, measure] of Object.entries(PICTURES)) {
    if (only.length > 0 && !only.includes(name)) continue;
    const chart = await measure();
    await page.setContent('<div style="width: 780px; height: 400px"><canvas></canvas></div>');
    await page.addScriptTag({
      path: join(root, "node_modules", "chart.js", "dist", "chart.umd.js"),
    });
    await page.evaluate(`(${draw})(${JSON.stringify(chart)}, ${JSON.stringify(COLORS)})`);
    const path = join(root, "docs", "techniques", "images", `${name}.png`);
    await page.locator("div").screenshot({ path });
    console.log(name, JSON.stringify(chart.datasets));
  }
} finally {
  await browser.close();
  await rm(folder, { recursive: true });
}
