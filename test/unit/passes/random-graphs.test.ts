import fc from "fast-check";
import { expect, test } from "vitest";
import { verify } from "../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { differenceInRuntime } from "./equivalence.ts";
import { randomModel } from "./random-models.ts";

/** NORMLENS_RANDOM_GRAPHS asks for another number, NORMLENS_SEED for other graphs. */
const GRAPHS = Number(process.env.NORMLENS_RANDOM_GRAPHS ?? 2000);
const SEED = Number(process.env.NORMLENS_SEED ?? 1);

/** A run of 2,000 graphs takes about two minutes on a quiet machine. */
const TIME_LIMIT = 1_200_000;

test(
  "folding a random graph keeps its function",
  async () => {
    let folded = 0;
    const seeds = fc.record({
      seed: fc.nat(),
      length: fc.integer({ min: 2, max: 12 }),
      duplicateProducer: fc.boolean(),
    });
    const property = fc.asyncProperty(seeds, async ({ seed, length, ...options }) => {
      const graph = randomModel(seed, length);
      if (graph.nodes.length === 0) return;
      expect(verify(graph)).toEqual([]);
      const result = foldBatchNorm.apply(graph, undefined, options);
      expect(verify(result.graph)).toEqual([]);
      if (result.applied.length === 0) return;
      folded += 1;
      expect(foldBatchNorm.find(result.graph, options).filter((site) => site.applicable)).toEqual(
        [],
      );
      expect(await differenceInRuntime(graph, result.graph, seed)).toBeLessThanOrEqual(1);
    });
    await fc.assert(property, { numRuns: GRAPHS, seed: SEED });
    expect(folded).toBeGreaterThan(GRAPHS / 3);
  },
  TIME_LIMIT,
);
