import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { withInputScaling } from "../../../src/data/input-scaling-note.ts";
import { dataReport } from "../../../src/engine/data-report.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { temporaryFolder } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { LayerGraph } from "../passes/layer-graphs.ts";

const { dataOptions, split, seed, inputScaling } = DEFAULT_TRAINING_CONFIG;

/** A table of 60 rows: seven features of 100 … 159 in all, and two that do not change. */
async function table(): Promise<string> {
  const rows = Array.from({ length: 60 }, (_, row) =>
    [
      ...Array.from({ length: 7 }, (_, column) => 100 + ((row * (column + 1)) % 60)),
      5,
      6,
      row % 2,
    ].join(","),
  );
  const path = join(await temporaryFolder(), "t.csv");
  await writeFile(path, [...rows, ""].join("\n"));
  return path;
}

/** x → first operator → Gemm. */
function modelOf(first: (layers: LayerGraph) => string): Graph {
  const layers = new LayerGraph();
  layers.node("Gemm", [first(layers), layers.tensor("w", [9, 2])], "fc");
  return layers.graph(["N", 9], { fc: ["N", 2] });
}

const warningsOf = async (graph: Graph | undefined, change = {}) => {
  const request = { data: await table(), dataOptions, split, seed, inputScaling, ...change };
  return (await dataReport(request, graph, context)).warnings;
};

describe("data held against a model", () => {
  test("is far from what weights start for, five features named", async () => {
    const [constant, unscaled, ...others] = await warningsOf(modelOf(() => "x"));
    expect(constant).toEqual({
      rule: "constant-feature",
      count: 2,
      message: "2 of 9 features are the same in all training samples: 8 (5) and 9 (6).",
    });
    expect(unscaled).toMatchObject({ rule: "unscaled-values", count: 7 });
    expect(unscaled?.message).toMatch(
      /^7 of 9 features are far from mean 0 and deviation 1, and inputScaling is none: 1 \(10\d … 15\d, mean 1[23]\d\.?\d*, deviation 1\d\.\d+\), .* and 2 more\.$/,
    );
    expect(others).toEqual([]);
  });

  test.each([
    [
      "scales them itself",
      modelOf((layers) => layers.node("Mul", ["x", layers.tensor("s", [9])], "m")),
    ],
    [
      "scales them behind a change of shape",
      modelOf((layers) =>
        layers.node("Sub", [layers.node("Identity", ["x"], "i"), layers.tensor("s", [9])], "m"),
      ),
    ],
    [
      "has a note of how they are scaled",
      withInputScaling(
        modelOf(() => "x"),
        { subtract: new Array(9).fill(130), divide: new Array(9).fill(20), groupSize: 1 },
      ),
    ],
  ])("is not told of where the model %s", async (_, graph) => {
    expect((await warningsOf(graph)).map(({ rule }) => rule)).toEqual(["constant-feature"]);
  });

  test("is not told of where the run scales them", async () => {
    const warnings = await warningsOf(
      modelOf(() => "x"),
      { inputScaling: "standardize" },
    );
    expect(warnings.map(({ rule }) => rule)).toEqual(["constant-feature"]);
  });

  test("takes whole numbers as the loss takes them", async () => {
    const data = await table();
    const request = { data, dataOptions, split, seed, inputScaling };
    const targets = async (loss?: "mean-squared-error") =>
      (
        await dataReport(
          { ...request, ...(loss === undefined ? {} : { loss }) },
          undefined,
          context,
        )
      ).targets;
    expect(await targets()).toBe("classes");
    expect(await targets("mean-squared-error")).toBe("numbers");
  });
});
