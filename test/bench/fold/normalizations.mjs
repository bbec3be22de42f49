import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { measure } from "./measure.mjs";
import { tools, versions } from "./tools.mjs";

/**
 * Counts the normalizations that each tool leaves in real architectures and writes the table of
 * docs/fold-comparison.md: `npm run build && node test/bench/fold/normalizations.mjs FOLDER [MODEL…]`,
 * where test/oracles/architectures.py has put the models. With models named, prints their rows only.
 */

const LIMIT_SECONDS = 900;
const MODELS = [
  "resnet18",
  "resnet50",
  "mobilenetv2",
  "mobilenet_v3_small",
  "efficientnet_b0",
  "densenet121",
  "googlenet",
  "shufflenet_v2_x1_0",
  "regnet_y_400mf",
  "unet",
  "pre_activation",
  "convnext_tiny",
  "bert_encoder",
  "pre_norm_encoder",
];

const here = dirname(fileURLToPath(import.meta.url));
const document = join(here, "..", "..", "..", "docs", "fold-comparison.md");
const [models, ...only] = process.argv.slice(2);
if (models === undefined) throw new Error("usage: node test/bench/fold/normalizations.mjs FOLDER");

/** @returns every node's operator, those of subgraphs left out: the models have none. */
async function operators(file) {
  const model = fromBinary(ModelProtoSchema, await readFile(file));
  return model.graph?.node.map((node) => node.opType) ?? [];
}

const isNormalization = (operator) => /Norm/.test(operator) && operator !== "LpNormalization";

async function left(tool, input, output) {
  try {
    const done = await measure(tools[tool](input, output), LIMIT_SECONDS);
    if (done === undefined) return `no result in ${LIMIT_SECONDS} s`;
  } catch (error) {
    console.error(`${tool}: ${error.message}`);
    return "fails";
  }
  return (await operators(output)).filter(isNormalization).length;
}

/** How many LayerNorms pass their scale and shift on to the layers behind them. */
async function merged(input, output) {
  const [cli] = tools.normlens(input, output);
  const args = [cli, "apply", "merge-normalization-affine", input, "-o", output, "--no-verify"];
  const { output: report } = await measure([...args, "--json"]);
  return JSON.parse(report).applied.length;
}

/** The document's other section, which is measured by fold.mjs and large.mjs and stays as it is. */
async function timeAndMemory() {
  const written = await readFile(document, "utf8");
  const start = written.indexOf("## Time and memory");
  return start < 0 ? "" : written.slice(start);
}

const folder = await mkdtemp(join(tmpdir(), "normlens-compare-"));
const rows = [];
try {
  for (const name of only.length > 0 ? only : MODELS) {
    const input = join(models, `${name}.onnx`);
    const output = (tool) => join(folder, `${name}.${tool.replace(" ", "")}.onnx`);
    const before = (await operators(input)).filter(isNormalization);
    const counts = [];
    for (const tool of ["normlens", "onnxsim", "ONNX Runtime"]) {
      counts.push(await left(tool, input, output(tool)));
    }
    const layerNorms = before.filter((operator) => operator !== "BatchNormalization").length;
    const affine =
      layerNorms === 0 ? "" : `${await merged(input, output("merged"))} of ${layerNorms}`;
    const row = `| ${[name, before.length, ...counts, affine].join(" | ")} |`;
    console.log(row);
    rows.push(row);
  }
} finally {
  await rm(folder, { recursive: true });
}

const text = `# Folding real architectures

Normalization nodes (BatchNormalization, LayerNormalization and their kin) in each file before, and after each tool. The models come from PyTorch with BatchNorm kept and random statistics: torchvision's, and those of \`test/bench/fold/networks.py\`. "scale merged" counts the LayerNorms that \`merge-normalization-affine\` freed of their scale and shift; the normalization itself depends on the input and stays.

| model | before | NormLens | onnxsim | ONNX Runtime | scale merged |
|---|---|---|---|---|---|
${rows.join("\n")}

${versions()}; ${new Date().toISOString().slice(0, 10)}. "No result" means that the tool did not end within ${LIMIT_SECONDS} s of wall time; other work on the machine counts against it.

To repeat: \`python test/oracles/architectures.py FOLDER\`, \`npm run build\`, \`node test/bench/fold/normalizations.mjs FOLDER\`.

`;
if (only.length === 0) await writeFile(document, text + (await timeAndMemory()));
