// Runs the EarlyStopping callback of TensorFlow.js on curves; early_stopping_curves.py calls it.
//
//   node early_stopping_tfjs.mjs FOLDER < curves.json > results.json
//
// FOLDER has node_modules/@tensorflow/tfjs-layers. Both files are lists: {values, options} and
// {epochsRun, stopped, bestEpoch}, epochs from 0; values may be "NaN", "Infinity", "-Infinity".
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(resolve(process.argv[2], "package.json"));
const { EarlyStopping } = require("@tensorflow/tfjs-layers");

const results = [];
for (const { values, options } of JSON.parse(readFileSync(0, "utf8"))) {
  const { mode, patience, minDelta, baseline } = options;
  const callback = new EarlyStopping({ monitor: "metric", mode, patience, minDelta, baseline });
  const model = { stopTraining: false };
  callback.model = model;
  await callback.onTrainBegin();
  let bestEpoch = null;
  let epochsRun = 0;
  for (const [epoch, value] of values.entries()) {
    const before = callback.best;
    await callback.onEpochEnd(epoch, { metric: Number(value) });
    if (!Object.is(callback.best, before)) bestEpoch = epoch;
    epochsRun = epoch + 1;
    if (model.stopTraining) break;
  }
  results.push({ epochsRun, stopped: model.stopTraining, bestEpoch });
}
process.stdout.write(JSON.stringify(results));
