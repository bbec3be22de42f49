import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseModel, readModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { verify } from "../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { differenceInRuntime } from "./equivalence.ts";

const FOLDER = new URL("../../fixtures/onnx/", import.meta.url);

interface Expectation {
  readonly bn: string;
  readonly outcome: string;
  readonly reasonContains?: string;
}

interface Pattern {
  readonly file: string;
  /** ONNX Runtime can run it. */
  readonly runs: boolean;
  readonly expect: readonly Expectation[];
}

const PATTERNS = JSON.parse(
  readFileSync(new URL("patterns.json", FOLDER), "utf8"),
) as readonly Pattern[];

describe.each(PATTERNS)("$file", ({ file, runs, expect: expectations }) => {
  test("stays valid, is written and read again, and leaves nothing to fold", async () => {
    const graph = await readModel(new URL(file, FOLDER).pathname);
    expect(verify(graph)).toEqual([]);
    const result = foldBatchNorm.apply(graph, undefined, {});
    expect(verify(result.graph)).toEqual([]);
    expect(verify(parseModel(encodeModel(result.graph)))).toEqual([]);
    expect(foldBatchNorm.find(result.graph, {}).some((site) => site.applicable)).toBe(false);
  });

  test.each(expectations)("$bn: $outcome", async (expected) => {
    const graph = await readModel(new URL(file, FOLDER).pathname);
    const { applied, skipped } = foldBatchNorm.apply(graph, undefined, {});
    if (expected.outcome === "fold") {
      expect(applied.map((site) => site.node)).toContain(expected.bn);
      return;
    }
    const reason = skipped.find((site) => site.node === expected.bn)?.reason;
    expect(reason).toContain(expected.reasonContains ?? "");
    expect(reason).toMatch(/^[^.].*\.$/);
  });

  test.runIf(runs)("computes what the original does", async () => {
    const graph = await readModel(new URL(file, FOLDER).pathname);
    const { graph: folded } = foldBatchNorm.apply(graph, undefined, {});
    for (const seed of [1, 2, 3]) {
      expect(await differenceInRuntime(graph, folded, seed)).toBeLessThanOrEqual(1);
    }
  });
});

test("a model of layers keeps a BatchNorm whose shift would need an Add of its own", async () => {
  const read = async (file: string) => {
    const graph = await readModel(new URL(file, FOLDER).pathname);
    return { ...graph, source: { format: "keras", layersOnly: true } };
  };
  const padded = await read("bn-padded-conv.onnx");
  const { graph, applied, skipped } = foldBatchNorm.apply(padded, undefined, {});
  expect(applied).toEqual([]);
  expect(graph.nodes).toEqual(padded.nodes);
  expect(skipped[0]?.reason).toContain("for which a model of layers has no place");
  const shiftless = await read("bn-without-shift-padded-conv.onnx");
  expect(foldBatchNorm.apply(shiftless, undefined, {}).applied).toHaveLength(1);
});
