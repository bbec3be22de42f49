import fc from "fast-check";
import { expect, test } from "vitest";
import type { Graph } from "../../../src/graph/graph.ts";
import { verify } from "../../../src/graph/verify.ts";
import { foldMeanOnlyBatchNorm } from "../../../src/passes/fold-mean-only-batch-norm.ts";
import { insertBatchNorm } from "../../../src/passes/insert-batch-norm.ts";
import { insertMeanOnlyBatchNorm } from "../../../src/passes/insert-mean-only-batch-norm.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import type { Pass } from "../../../src/passes/pass.ts";
import { differenceInRuntime } from "./equivalence.ts";
import { randomModel } from "./random-models.ts";

const GRAPHS = 150;
const SEED = 4;

/** The changed graph; undefined where the pass finds no place. */
function applied(pass: Pass, graph: Graph, given = {}): Graph | undefined {
  const result = pass.apply(graph, undefined, checkedOptions(pass, given));
  expect(verify(result.graph)).toEqual([]);
  expect(result.graph.outputs).toEqual(graph.outputs);
  return result.applied.length === 0 ? undefined : result.graph;
}

test("normalizations put into random graphs keep their function", async () => {
  let changed = 0;
  const seeds = fc.record({
    seed: fc.nat(),
    length: fc.integer({ min: 2, max: 12 }),
    place: fc.constantFrom("before", "after"),
    outputLayer: fc.boolean(),
  });
  const property = fc.asyncProperty(seeds, async ({ seed, length, place, outputLayer }) => {
    const graph = randomModel(seed, length);
    if (graph.nodes.length === 0) return;
    const batchNorm = applied(insertBatchNorm, graph, { place, outputLayer });
    const meanOnly = applied(insertMeanOnlyBatchNorm, graph, { outputLayer });
    const folded = meanOnly && applied(foldMeanOnlyBatchNorm, meanOnly);
    for (const other of [batchNorm, meanOnly, folded]) {
      if (other === undefined) continue;
      changed++;
      expect(await differenceInRuntime(graph, other, seed)).toBeLessThanOrEqual(1);
    }
  });
  await fc.assert(property, { numRuns: GRAPHS, seed: SEED });
  expect(changed).toBeGreaterThan(GRAPHS / 3);
});
