import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { planTraining } from "../../../src/training/check-trainable.ts";
import { mergeConfig } from "../../../src/training/config.ts";
import { withFreshWeights } from "../../../src/training/fresh-model.ts";
import { SAMPLES } from "../../support/repository.ts";
import { runTraining, SHORT } from "./run-training.ts";

const model = await readModel(join(SAMPLES, "digits-cnn.onnx"));
const digits = await openDataset("digits");

function plan(names: readonly string[], updateStatistics = false) {
  const config = mergeConfig(DEFAULT_TRAINING_CONFIG, { frozen: { names, updateStatistics } });
  return planTraining(model, digits, config);
}

const numbers = (graph: Graph, name: string) => readFloat64(graph.initializers.get(name) as Tensor);

/** Initializers in which two models differ. */
function changed(before: Graph, after: Graph): string[] {
  return [...before.initializers.keys()].filter((name) => {
    const [old, now] = [numbers(before, name), numbers(after, name)];
    return old.some((value, index) => value !== now[index]);
  });
}

async function trained(part: object): Promise<Graph> {
  const { result } = await runTraining(model, { ...SHORT, maxEpochs: 1, ...part });
  return readModel(result.bestModel);
}

describe("names", () => {
  it.each([
    [["*"], "frozen.names: every parameter is frozen; nothing is left to train"],
    [["conv9"], 'frozen.names: "conv9" matches no parameter and no layer with parameters'],
    [["conv"], 'frozen.names: "conv" matches no parameter'],
  ])("%j is refused", (names, sentence) => {
    expect(() => plan(names)).toThrow(sentence);
  });

  it.each([
    [["conv1.weight"], 10],
    [["conv*.weight"], 8],
    [["bn*.*as", "fc.*"], 6],
    [["*onv*w*t"], 8],
  ])("%j leaves %i parameters", (names, count) => {
    expect(plan(names).parameters).toHaveLength(count);
  });

  it("of layers freeze all that they read", () => {
    const layer = model.nodes.find(({ opType }) => opType === "Gemm")?.name ?? "";
    const names = plan([layer]).parameters.map(({ name }) => name);
    expect(names).not.toContain("fc.weight");
    expect(names).not.toContain("fc.bias");
  });
});

const BODY = { names: ["conv*", "bn*"], updateStatistics: false };

describe("what is frozen keeps its numbers", () => {
  it("weights, biases and running statistics", async () => {
    const l2 = 0.1;
    const after = await trained({ weights: "keep", l2, frozen: BODY });
    expect(changed(model, after).toSorted()).toEqual(["fc.bias", "fc.weight"]);
  });

  it("also where the rest starts fresh, with and without passes", async () => {
    const after = await trained({ weights: "fresh", frozen: BODY });
    expect(changed(model, after).toSorted()).toEqual(["fc.bias", "fc.weight"]);
    const fresh = withFreshWeights(model, { ...DEFAULT_TRAINING_CONFIG, seed: 1, frozen: BODY });
    expect(changed(model, fresh).toSorted()).toEqual(["fc.bias", "fc.weight"]);
  });

  it("but for the running statistics, where that is asked for", async () => {
    const frozen = { ...BODY, updateStatistics: true };
    const names = changed(model, await trained({ weights: "keep", frozen }));
    expect(names).toContain("bn1.running_mean");
    expect(names).toContain("bn3.running_var");
    expect(names).not.toContain("bn1.weight");
    expect(names).not.toContain("conv1.weight");
  });

  it("one block of three: what comes after it is trained, by the block's stored statistics", async () => {
    const frozen = { names: ["conv1*", "bn1*"], updateStatistics: false };
    const names = changed(model, await trained({ weights: "keep", frozen }));
    expect(names.some((name) => /^(conv1|bn1)\b/.test(name))).toBe(false);
    expect(names).toContain("conv2.weight");
    expect(names).toContain("bn2.running_mean");
  });
});
