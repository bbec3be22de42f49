import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { insertVariationalDropout } from "../../../src/passes/insert-variational-dropout.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { fromJsonNumber } from "../../../src/protocol/reports.ts";
import { divergenceFactor } from "../../../src/training/variational-divergence.ts";
import { resolveValues } from "../../../src/training/watched-values.ts";
import { pick, repeatable, runTraining, SHORT } from "./run-training.ts";

const path = new URL("../../../media/samples/digits-mlp.onnx", import.meta.url).pathname;

async function noisyModel(grain: string): Promise<Graph> {
  const options = checkedOptions(insertVariationalDropout, { grain });
  return insertVariationalDropout.apply(await readModel(path), undefined, options).graph;
}

const strengths = (graph: Graph) =>
  [...graph.initializers.values()]
    .filter(({ name }) => name.endsWith("_log_alpha"))
    .flatMap((tensor: Tensor) => [...readFloat64(tensor)]);

describe("training with variational dropout", () => {
  test("what enters the nonlinearities is watched, not the strength of the noise", async () => {
    const graph = await noisyModel("unit");
    expect(resolveValues(graph, "auto", "statistics.values")).toEqual(["fc1", "fc2", "fc3"]);
  });

  test.each(["unit", "weight"])(
    "%s: log α is learned and the divergence told apart",
    async (grain) => {
      const graph = await noisyModel(grain);
      const { events, result } = await runTraining(graph, SHORT);
      const epochs = pick(events, "epoch");
      expect(epochs.length).toBe(3);
      for (const { klLoss } of epochs) expect(fromJsonNumber(klLoss ?? "NaN")).toBeGreaterThan(0);
      const [first, last] = [epochs[0], epochs.at(-1)];
      expect(fromJsonNumber(last?.klLoss ?? "NaN")).toBeLessThan(
        fromJsonNumber(first?.klLoss ?? 0),
      );
      const trained = await readModel(result.bestModel);
      expect(verify(trained)).toEqual([]);
      const values = strengths(trained);
      expect(values.length).toBe(strengths(graph).length);
      expect(values.some((value) => value !== -3)).toBe(true);
      const again = await runTraining(graph, SHORT);
      expect(repeatable(again.events)).toEqual(repeatable(events));
    },
  );

  test("penalties on weights act on noisy ones too", async () => {
    const graph = await noisyModel("weight");
    const length = async (l2: number) => {
      const { result } = await runTraining(graph, { ...SHORT, l2 });
      const trained = await readModel(result.bestModel);
      const weight = [...trained.initializers.values()].find(({ dims }) => dims.length === 2);
      return Math.hypot(...readFloat64(weight as Tensor));
    };
    expect(await length(0.5)).toBeLessThan(0.9 * (await length(0)));
  });

  test("a heavier divergence raises log α; a model without noise has none", async () => {
    const mean = async (klWeight: number) => {
      const config = { ...SHORT, variationalDropout: { klWeight } };
      const { result } = await runTraining(await noisyModel("unit"), config);
      const values = strengths(await readModel(result.bestModel));
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    expect(await mean(20)).toBeGreaterThan(await mean(0));
    const { events } = await runTraining(await readModel(path), { ...SHORT, maxEpochs: 1 });
    expect(pick(events, "epoch")[0]).not.toHaveProperty("klLoss");
  });
});

test("the divergence counts 1/N after its warm-up", () => {
  const factors = (warmUpEpochs: number) =>
    [1, 2, 3, 4, 5].map((epoch) => divergenceFactor({ klWeight: 2, warmUpEpochs }, epoch, 100));
  expect(factors(0)).toEqual([0.02, 0.02, 0.02, 0.02, 0.02]);
  expect(factors(4)).toEqual([0, 0.005, 0.01, 0.015, 0.02]);
});
