import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { splitSamples } from "../../../src/data/split.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { openInMemory } from "../../support/memory-dataset.ts";
import { pick, runTraining, temporaryFolder } from "./run-training.ts";

/*
 * Goodfellow, Bengio, Courville: Deep Learning, section 7.8. Near its minimum w* a loss is
 * ½(w − w*)ᵀH(w − w*), H = QΛQᵀ. τ steps of gradient descent with learning rate ε from w = 0, and
 * the minimum with the L2 penalty ½α‖w‖², are
 *
 *   Qᵀw_τ = (I − (I − εΛ)^τ)·Qᵀw*        Qᵀw_α = Λ(Λ + αI)⁻¹·Qᵀw*
 *
 * so they are the same where (1 − ελ)^τ = α/(λ + α); to first order in ελ and λ/α that is α ≈ 1/(ετ).
 *
 * Here the loss is mean((w·x − y)²) of a linear model, whose H is 2/n·XᵀX.
 */
const SPLIT = { train: 0.8, validation: 0.1, test: 0.1 };
const TRUTH: readonly [number, number] = [1.5, -0.75];

type Pair = readonly [number, number];

/** x[N, 2] → w·x, w = 0, without a bias. */
function linearModel(): Graph {
  const builder = new GraphBuilder(["x", "y"]);
  builder.addInitializer(float32Tensor("w", [2, 1], new Float32Array(2)));
  const output = builder.add("MatMul", ["x", "w"], { name: "linear" });
  return builder.build(
    "linear",
    [makeValueInfo("x", DataType.FLOAT, ["N", 2])],
    [makeValueInfo(output, DataType.FLOAT, ["N", 1])],
    17,
  );
}

/** y = TRUTH·x; b is a mixed with something else and smaller, so that the directions are not the axes'. */
async function table(spread: number): Promise<string> {
  const lines = ["a,b,target"];
  for (let row = 0; row < 100; row++) {
    const first = Math.sin(2.1 * row);
    const second = spread * (0.6 * first + Math.cos(3.7 * row + 1));
    lines.push(`${first},${second},${TRUTH[0] * first + TRUTH[1] * second}`);
  }
  const path = join(await temporaryFolder(), "linear.csv");
  await writeFile(path, `${lines.join("\n")}\n`);
  return path;
}

interface Quadratic {
  readonly eigenvalues: Pair;
  /** Qᵀw, and back. */
  toDirections(w: Pair): Pair;
  fromDirections(w: Pair): Pair;
}

/** H of the training part, and its eigenvectors: a rotation by θ, tan 2θ = 2h₁₂/(h₁₁ − h₂₂). */
async function quadratic(data: string): Promise<Quadratic & { readonly count: number }> {
  const dataset = await openInMemory(data, "numbers");
  const { train } = splitSamples(dataset, SPLIT, 0);
  let [h11, h12, h22] = [0, 0, 0];
  for (const row of train) {
    const [a, b] = dataset.features.slice(2 * row, 2 * row + 2) as unknown as [number, number];
    h11 += (2 * a * a) / train.length;
    h12 += (2 * a * b) / train.length;
    h22 += (2 * b * b) / train.length;
  }
  const angle = Math.atan2(2 * h12, h11 - h22) / 2;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return {
    count: train.length,
    eigenvalues: [
      cos * cos * h11 + 2 * cos * sin * h12 + sin * sin * h22,
      sin * sin * h11 - 2 * cos * sin * h12 + cos * cos * h22,
    ],
    toDirections: ([a, b]) => [cos * a + sin * b, cos * b - sin * a],
    fromDirections: ([p, q]) => [cos * p - sin * q, sin * p + cos * q],
  };
}

interface Descent {
  readonly data: string;
  readonly steps: number;
  readonly rate: number;
  readonly l2?: number;
}

/** The weights after so many steps on the whole training part. */
async function trained({ data, steps, rate, l2 = 0 }: Descent): Promise<Pair> {
  const { events, result } = await runTraining(linearModel(), {
    data,
    split: SPLIT,
    weights: "keep",
    loss: "mean-squared-error",
    batchSize: 100,
    maxEpochs: steps,
    optimizer: { kind: "sgd", momentum: 0, learningRate: rate },
    l2,
    earlyStopping: { enabled: false, restoreBest: false },
    checkpoint: { everyEpochs: 0 },
  });
  expect(pick(events, "step")).toHaveLength(steps);
  const weights = await (await readModel(result.bestModel)).initializers.get("w")?.data.read();
  return [...new Float32Array((weights ?? new Uint8Array()).slice().buffer)] as [number, number];
}

/** In each direction, the share of w* that is reached. */
function shares({ toDirections }: Quadratic, w: Pair): Pair {
  const [found, whole] = [toDirections(w), toDirections(TRUTH)];
  return [found[0] / whole[0], found[1] / whole[1]];
}

describe("stopping after τ steps from zero is an L2 penalty", () => {
  test("exactly, direction by direction: 1 − (1 − ελ)^τ = λ/(λ + α)", async () => {
    const data = await table(0.5);
    const form = await quadratic(data);
    expect(form.eigenvalues[0] / form.eigenvalues[1]).toBeGreaterThan(3);
    const [steps, rate] = [25, 0.1];
    const found = shares(form, await trained({ data, steps, rate }));
    for (const direction of [0, 1] as const) {
      const eigenvalue = form.eigenvalues[direction];
      // float32's rounding in 25 steps.
      expect(found[direction]).toBeCloseTo(1 - (1 - rate * eigenvalue) ** steps, 5);
      // The penalty that ends at the same place in this direction, trained to its minimum.
      const left = (1 - rate * eigenvalue) ** steps;
      const alpha = (eigenvalue * left) / (1 - left);
      const penalized = shares(form, await trained({ data, steps: 400, rate: 0.5, l2: alpha }));
      expect(penalized[direction]).toBeCloseTo(found[direction], 4);
      expect(penalized[direction]).toBeCloseTo(eigenvalue / (eigenvalue + alpha), 4);
    }
  });

  test("to first order with α = 1/(ετ): half the steps, a quarter of the difference", async () => {
    const data = await table(0.5);
    const form = await quadratic(data);
    const rate = 0.01;
    const differences: number[] = [];
    for (const steps of [8, 4]) {
      const early = shares(form, await trained({ data, steps, rate }));
      const l2 = 1 / (rate * steps);
      // Its largest curvature is λ + α; a step of about its inverse is at the minimum soon.
      const penalized = shares(form, await trained({ data, steps: 60, rate: 0.9 / l2, l2 }));
      for (const direction of [0, 1] as const) {
        const reached = rate * steps * form.eigenvalues[direction];
        expect(Math.abs(early[direction] / reached - 1)).toBeLessThan(reached);
        expect(Math.abs(penalized[direction] / reached - 1)).toBeLessThan(1.01 * reached);
      }
      differences.push(Math.abs(early[0] - penalized[0]));
    }
    const [whole = 0, half = 0] = differences;
    expect(whole / half).toBeGreaterThan(3);
    expect(whole / half).toBeLessThan(5);
  });
});
