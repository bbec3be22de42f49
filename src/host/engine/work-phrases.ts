import type { EngineMethod } from "../../protocol/engine.ts";

/** What the status bar says until the engine reports something more exact. */
const phrases: Readonly<Record<EngineMethod, string>> = {
  runtime: "starting the runtime",
  open: "reading the model",
  nodeDetail: "reading a node",
  preview: "comparing outputs",
  techniques: "listing techniques",
  sites: "looking for places",
  sitesAt: "looking for places",
  analyze: "looking at the model",
  text: "writing the model as text",
  save: "saving",
  otherFiles: "listing the model's files",
  modelText: "reading the model",
  layerDetail: "reading a layer",
  layerSites: "looking for places",
  rewriteText: "comparing outputs",
  convert: "converting the model",
  close: "closing",
  examineData: "reading the data set",
  verify: "comparing outputs",
  statistics: "measuring activations",
  train: "training",
  pauseTraining: "pausing",
  installTensorFlow: "installing TensorFlow",
  endKilledRun: "ending a run",
};

/** A phrase that completes "NormLens is …". */
export function phraseOf(method: EngineMethod): string {
  return phrases[method];
}
