import { describe, expect, test } from "vitest";
import { certify } from "../../../../src/engine/certificate/certificate.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";
import { randomModel } from "../../passes/random-models.ts";
import { LAYERS } from "./layer-models.ts";
import { LAYER_MISTAKES } from "./wrong-layers.ts";

const SEEDS = [1, 2, 3];

/** With the 110 of mutations.test.ts there are 500 right folds and more. */
const RANDOM_FOLDS = 420;
const FOLDS_PER_GROUP = 70;

/** A group takes a few seconds on a quiet machine. */
const TIME_LIMIT = 120_000;

const runtime = await loadRuntime();

describe.each(Object.entries(LAYERS))("%s", (_name, layer) => {
  const models = SEEDS.map(layer);
  const mistakes = LAYER_MISTAKES.filter((each) => each.applies(models[0]?.graph as never));

  test(
    `${SEEDS.length} right folds pass`,
    async () => {
      for (const { graph: before } of models) {
        const { graph: after, siteOutputs, applied } = foldBatchNorm.apply(before, undefined, {});
        expect(applied.map((site) => site.into)).toEqual(["layer"]);
        const certificate = await certify({ before, after, siteOutputs, runtime });
        expect(certificate.sentence).toMatch(/^Same function: /);
      }
    },
    TIME_LIMIT,
  );

  test(
    `${SEEDS.length * mistakes.length} wrong folds fail and are located`,
    async () => {
      for (const model of models) {
        for (const mistake of mistakes) {
          const wrong = mistake.change(model);
          const { graph: after, siteOutputs } = foldBatchNorm.apply(wrong, undefined, {});
          const request = { before: model.graph, after, siteOutputs, runtime };
          const { pass, sentence } = await certify(request);
          expect({ mistake: mistake.name, pass }).toEqual({ mistake: mistake.name, pass: false });
          expect(sentence).toMatch(/^Not the same function: the result of bn differs/);
        }
      }
    },
    TIME_LIMIT,
  );
});

test.each(Array.from({ length: RANDOM_FOLDS / FOLDS_PER_GROUP }, (_, group) => group))(
  `${FOLDS_PER_GROUP} right folds of random graphs pass, group %i`,
  async (group) => {
    let folds = 0;
    for (let seed = 1000 * group; folds < FOLDS_PER_GROUP; seed++) {
      const before = randomModel(seed, 4 + (seed % 9));
      const { graph: after, siteOutputs, applied } = foldBatchNorm.apply(before, undefined, {});
      if (applied.length === 0) continue;
      folds += applied.length;
      const certificate = await certify({ before, after, siteOutputs, runtime });
      expect({ seed, sentence: certificate.sentence }).toEqual({
        seed,
        sentence: expect.stringMatching(/^Same function/),
      });
    }
  },
  TIME_LIMIT,
);
