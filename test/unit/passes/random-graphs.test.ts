import fc from "fast-check";
import { expect, test } from "vitest";
import type { Graph } from "../../../src/graph/graph.ts";
import { indexOf } from "../../../src/graph/index.ts";
import { verify } from "../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { differenceInRuntime } from "./equivalence.ts";
import { randomModel } from "./random-models.ts";

/** NORMLENS_RANDOM_GRAPHS asks for another number, NORMLENS_SEED for other graphs. */
const GRAPHS = Number(process.env.NORMLENS_RANDOM_GRAPHS ?? 2000);
const SEED = Number(process.env.NORMLENS_SEED ?? 1);

/** A run of 2,000 graphs takes about two minutes on a quiet machine. */
const TIME_LIMIT = 1_200_000;

/** The signature stays, names stay unique, order stays, and nothing is left that nobody reads. */
function expectHygiene(before: Graph, after: Graph): void {
  expect([after.inputs, after.outputs]).toEqual([before.inputs, before.outputs]);
  const names = after.nodes.map((node) => node.name);
  expect(new Set(names).size).toBe(names.length);
  const index = indexOf(after);
  for (const name of after.initializers.keys()) {
    expect(index.uses(name).length + Number(indexOf(before).uses(name).length === 0)).not.toBe(0);
  }
  const kept = new Set(names);
  const order = before.nodes.map((node) => node.name).filter((name) => kept.has(name));
  const known = new Set(order);
  expect(names.filter((name) => known.has(name))).toEqual(order);
}

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
      expectHygiene(graph, result.graph);
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
