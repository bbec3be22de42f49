import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it, test } from "vitest";
import { Documents } from "../../../src/engine/documents.ts";
import { preparedModel } from "../../../src/engine/prepared-model.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { TrainingConfig } from "../../../src/protocol/training.ts";
import { readResumableRun } from "../../../src/training/resumable-run.ts";
import goldens from "../../oracles/shared-start.json" with { type: "json" };
import { REPOSITORY } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { repeatable, runTraining, SHORT } from "../training/run-training.ts";
import {
  expectClose,
  type TorchOptimizer,
  toOptimizer,
  trainSteps,
} from "../training/torch-steps.ts";

const MODEL = join(REPOSITORY, "test/fixtures/onnx/shared-start.onnx");
const [GOLDEN] = goldens.runs as [(typeof goldens.runs)[number]];
const PARAMETERS = Object.keys(GOLDEN.parameters);
const STATISTICS = Object.keys(GOLDEN.runningStatistics).filter(
  (name) => !name.endsWith("_population"),
);

const configOf = (torch: object): TrainingConfig => ({
  ...DEFAULT_TRAINING_CONFIG,
  optimizer: toOptimizer(torch as TorchOptimizer),
  weights: "keep",
  threads: 2,
});

/** As the engine gives it to training. */
async function prepared(config: TrainingConfig = configOf(GOLDEN.optimizer)) {
  return preparedModel(await readModel(MODEL), config, context);
}

describe("twelve steps from parameters that are stored together are PyTorch's", () => {
  for (const run of goldens.runs) {
    it(`with ${run.optimizer.name}`, async () => {
      const config = configOf(run.optimizer);
      const { graph } = await prepared(config);
      const options = { penalized: new Set<string>(), limits: new Map() };
      const { losses, state, parameters } = await trainSteps(graph, config, options);
      expect(parameters.toSorted()).toEqual(PARAMETERS.toSorted());
      for (const [index, loss] of run.losses.entries()) {
        const stray = Math.abs((run.float32Losses[index] ?? 0) - loss);
        const allowed = 10 * stray + 2e-5 * Math.abs(loss);
        expect(Math.abs((losses[index] ?? Number.NaN) - loss)).toBeLessThan(allowed);
      }
      for (const [name, golden] of Object.entries(run.parameters)) {
        expectClose(state.get(name) as Float32Array, golden);
      }
      for (const [name, golden] of Object.entries(run.runningStatistics)) {
        if (!name.endsWith("_population")) expectClose(state.get(name) as Float32Array, golden);
      }
    });
  }
});

describe("a run on a model that stores parameters together", () => {
  const part = { ...SHORT, weights: "keep", checkpoint: { everySteps: 3, leastSeconds: 0 } };
  const trained = async (changes: Parameters<typeof runTraining>[2] = {}) =>
    runTraining((await prepared()).graph, part, changes);
  let straight: Awaited<ReturnType<typeof trained>>;
  beforeAll(async () => {
    straight = await trained();
  });

  test("saves a tensor for each, and one for the layer that is used twice", async () => {
    const best = await readModel(straight.result.bestModel);
    expect(best.nodes.filter(({ opType }) => opType === "Identity")).toEqual([]);
    const names = [...PARAMETERS, ...STATISTICS];
    expect([...best.initializers.keys()].toSorted()).toEqual(names.toSorted());
    const numbers = ["bn1.bias", "bn2.bias", "bn1.running_mean", "bn2.running_mean"].map((name) =>
      readFloat64(best.initializers.get(name) as Tensor).join(),
    );
    expect(new Set(numbers).size).toBe(4);
    const readers = best.nodes.filter(({ input }) => input.includes("hidden.weight"));
    expect(readers).toHaveLength(2);
  });

  test("gives them to the model in the editor, whose layers stay what they were", async () => {
    const path = straight.result.bestModel;
    const edit = { kind: "weights", path, label: "Use trained weights" } as const;
    const request = { path: MODEL, edits: [edit] };
    const { graph, original } = await new Documents().get(request, context);
    const best = await readModel(path);
    expect(Buffer.compare(encodeModel(graph), encodeModel(best))).toBe(0);
    expect(graph.nodes.every((node) => original.nodes.includes(node))).toBe(true);
  });

  test("goes on after it was cancelled as if nothing had been", async () => {
    const cancel = new AbortController();
    const cut = await trained({
      signal: cancel.signal,
      onEvent: (event) => {
        if (event.event === "step" && event.epoch === 2) cancel.abort();
      },
    });
    const resume = await readResumableRun(cut.result.run);
    expect(resume.checkpoint?.progress.epoch).toBe(2);
    const resumed = await trained({ resume });
    expect(repeatable(resumed.events)).toEqual(repeatable(straight.events));
    expect(await readFile(resumed.result.bestModel)).toEqual(
      await readFile(straight.result.bestModel),
    );
  });
});
