import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeNode, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { type Graph, requiredInputs } from "../../../src/graph/graph.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import { float32Tensor, type Tensor } from "../../../src/graph/tensor.ts";
import { declaredType } from "../../../src/operators/infer-shapes.ts";
import { STEP_OPSET, type TrainingForwardOptions } from "../../../src/operators/operator.ts";
import type { Tensors } from "../../../src/runtime/runtime.ts";
import {
  addGradients,
  addTrainingForward,
  missingGradientRules,
} from "../../../src/training/autodiff.ts";
import {
  feed,
  modelOf,
  node,
  numbers,
  OPTIONS,
  run,
  runStep,
  untyped,
} from "../operators/step-harness.ts";

const ones = (shape: readonly number[]) => ({
  shape,
  data: new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(1),
});

describe("the chain", () => {
  test("adds the gradients of a value that is read several times", async () => {
    const x = numbers([3, 4]);
    const model = {
      nodes: [
        node("Mul", ["x", "x"], ["square"]),
        node("Add", ["square", "x"], ["sum"]),
        node("Sub", ["sum", "x"], ["back"]),
        node("Add", ["back", "x"], ["y"]),
      ],
      inputs: { x },
      output: "y",
    };
    const { gradients } = await runStep(model, ones(x.shape));
    const expected = Float32Array.from(x.data, (value) => 2 * value + 1);
    expect([...(gradients.x?.data ?? [])].map(Number)).toEqual(
      [...expected].map((value) => expect.closeTo(value, 5)),
    );
  });

  test("gives zeros to a parameter that nothing depends on", async () => {
    const model = {
      nodes: [node("Relu", ["x"], ["y"]), node("Neg", ["dead"], ["unused"])],
      inputs: { x: numbers([2]), dead: numbers([2, 2]) },
      output: "y",
    };
    const { gradients } = await runStep(model, ones([2]));
    expect(gradients.dead?.dims).toEqual([2, 2]);
    expect([...(gradients.dead?.data ?? [])]).toEqual([0, 0, 0, 0]);
  });

  test("starts from several seeds", async () => {
    const builder = new GraphBuilder(["x", "one"]);
    const graph = modelOf({
      nodes: [node("Exp", ["x"], ["a"]), node("Neg", ["a"], ["b"])],
      inputs: { x: numbers([2]) },
      output: "b",
    });
    const trace = addTrainingForward(builder, graph, new Map(), OPTIONS);
    const seeds = new Map([
      ["a", "one"],
      ["b", "one"],
    ]);
    const [gradient = ""] = addGradients(builder, trace, seeds, ["x"]).values();
    const inputs = ["x", "one"].map((name) => makeValueInfo(name, DataType.FLOAT, [2]));
    const step = builder.build("step", inputs, [untyped(gradient)], STEP_OPSET);
    const results = await run(step, { x: feed(numbers([2])), one: feed(ones([2])) });
    expect([...(results[gradient]?.data ?? [])]).toEqual([0, 0]);
  });

  test("does not go through shapes and positions", () => {
    const graph = modelOf({
      nodes: [
        node("Shape", ["x"], ["shape"]),
        node("Reshape", ["x", "shape"], ["same"]),
        node("TopK", ["x"], ["best"]),
        node("Relu", ["same"], ["y"]),
      ],
      inputs: { x: numbers([2]) },
      output: "y",
    });
    expect(missingGradientRules(graph, ["x"])).toEqual([]);
  });
});

describe("what cannot be trained", () => {
  const model = modelOf({
    nodes: [node("Relu", ["x"], ["a"]), node("Hardmax", ["a"], ["y"]), node("Det", ["x"], ["b"])],
    inputs: { x: numbers([1, 2, 3, 3]) },
    output: "y",
  });

  test("is listed beforehand, if it is between a parameter and an output", () => {
    expect(missingGradientRules(model, ["x"])).toEqual([{ node: "hardmax", opType: "Hardmax" }]);
    expect(missingGradientRules(model, [])).toEqual([]);
  });

  test("is refused by operator and node", () => {
    const builder = new GraphBuilder(["x", "seed"]);
    const trace = addTrainingForward(builder, model, new Map(), OPTIONS);
    const seeds = new Map([["y", "seed"]]);
    expect(() => addGradients(builder, trace, seeds, ["x"])).toThrow(
      "node hardmax: Hardmax has no gradient rule",
    );
  });

  test("is left out when nobody asks for it", () => {
    const graph = modelOf({
      nodes: [
        node("Relu", ["x"], ["y"]),
        makeNode("ZipMap", ["y"], ["z"], { name: "zip", domain: "ai.onnx.ml" }),
      ],
      inputs: { x: numbers([2]) },
      output: "y",
    });
    const trace = addTrainingForward(new GraphBuilder(["x"]), graph, new Map(), OPTIONS);
    expect(trace.value("y")).toBe("y");
    expect(() => trace.value("z")).toThrow("node zip: training does not know ai.onnx.ml.ZipMap");
  });

  test("is a size without a number", () => {
    const graph = modelOf({
      nodes: [node("Relu", ["x"], ["y"])],
      inputs: { x: numbers([2]) },
      output: "y",
    });
    const named: Graph = { ...graph, inputs: [makeValueInfo("x", DataType.FLOAT, ["N"])] };
    const builder = new GraphBuilder(["x", "seed"]);
    const trace = addTrainingForward(builder, named, new Map(), OPTIONS);
    expect(() => addGradients(builder, trace, new Map([["y", "seed"]]), ["x"])).toThrow(
      "value y: training needs its size in numbers, but it is [N]",
    );
  });

  test("is float16", () => {
    const graph = modelOf({
      nodes: [node("Relu", ["x"], ["y"])],
      inputs: { x: numbers([2]) },
      output: "y",
    });
    const half: Graph = { ...graph, inputs: [makeValueInfo("x", DataType.FLOAT16, [2])] };
    const builder = new GraphBuilder(["x", "seed"]);
    const trace = addTrainingForward(builder, half, new Map(), OPTIONS);
    expect(() => addGradients(builder, trace, new Map([["y", "seed"]]), ["x"])).toThrow(
      "parameter x: training needs float32, but it is float16",
    );
  });
});

describe("BatchNormalization", () => {
  const x = { shape: [4, 1], data: [1, 2, 3, 6] };
  const stored = [
    float32Tensor("gamma", [1], [1]),
    float32Tensor("beta", [1], [0]),
    float32Tensor("mean", [1], [10]),
    float32Tensor("variance", [1], [2]),
  ];
  const layer = (input: string, output: string) =>
    node("BatchNormalization", [input, "gamma", "beta", "mean", "variance"], [output]);

  const states = async (options: Partial<TrainingForwardOptions>) => {
    const model = { nodes: [layer("x", "y")], inputs: { x }, initializers: stored, output: "y" };
    const result = await runStep(model, ones(x.shape), options);
    return [result.states.mean?.data[0], result.states.variance?.data[0]].map(Number);
  };

  test("updates the running statistics in PyTorch's direction", async () => {
    // The batch has mean 3 and variance 14/4; unbiased 14/3.
    const unbiased = await states({ batchNormMomentum: 0.1, runningVariance: "unbiased" });
    expect(unbiased).toEqual([expect.closeTo(9.3, 5), expect.closeTo(1.8 + 0.1 * (14 / 3), 5)]);
    const population = await states({ batchNormMomentum: 0.25, runningVariance: "population" });
    expect(population).toEqual([expect.closeTo(8.25, 5), expect.closeTo(1.5 + 0.25 * 3.5, 5)]);
  });

  test("updates a state that two nodes share in turn, and names it once", async () => {
    const model = {
      nodes: [
        layer("x", "a"),
        node("Identity", ["mean"], ["same_mean"]),
        node("BatchNormalization", ["a", "gamma", "beta", "same_mean", "variance"], ["y"]),
      ],
      inputs: { x },
      initializers: stored,
      output: "y",
    };
    const result = await runStep(model, ones(x.shape), { batchNormMomentum: 0.5 });
    expect(Object.keys(result.states)).toEqual(["mean", "variance"]);
    // (10 + 3)/2, then with the normalized batch's mean 0.
    expect(Number(result.states.mean?.data[0])).toBeCloseTo(3.25, 4);
  });

  test("leaves what is fed alone and stores nothing at inference", async () => {
    const model = { nodes: [layer("x", "y")], inputs: { x }, initializers: stored, output: "y" };
    const result = await runStep(model, ones(x.shape), { mode: "inference" });
    expect(result.states).toEqual({});
    const gain = 1 / Math.sqrt(2 + 1e-5);
    expect([...(result.gradients.x?.data ?? [])].map(Number)).toEqual(
      x.data.map(() => expect.closeTo(gain, 5)),
    );
  });
});

describe("Dropout", () => {
  const shape = [40, 50];
  const model = (nodes: number) => ({
    nodes: Array.from({ length: nodes }, (_, index) =>
      node("Dropout", ["x", "ratio"], [`y${index}`]),
    ),
    inputs: { x: ones(shape) },
    initializers: [float32Tensor("ratio", [], [0.25])],
    output: `y${nodes - 1}`,
  });

  test("drops a quarter, scales the rest, and gives the gradient the same mask", async () => {
    const { values, gradients } = await runStep(model(1), ones(shape));
    const kept = [...(values.y0?.data ?? [])].map(Number);
    expect(new Set(kept)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
    expect(kept.filter((value) => value === 0).length / kept.length).toBeCloseTo(0.25, 1);
    expect([...(gradients.x?.data ?? [])].map(Number)).toEqual(kept);
  });

  test("draws each node's mask from its own seed, the same with two threads", async () => {
    let seed = 0;
    const options = { dropoutSeed: () => ++seed };
    const { values } = await runStep(model(2), ones(shape), options, 1);
    seed = 0;
    const again = await runStep(model(2), ones(shape), options, 2);
    expect(values.y0?.data).not.toEqual(values.y1?.data);
    expect(again.values.y0?.data).toEqual(values.y0?.data);
  });

  test("does nothing at inference", async () => {
    const { values, gradients } = await runStep(model(1), ones(shape), { mode: "inference" });
    expect([...(values.y0?.data ?? [])]).toEqual(ones(shape).data);
    expect([...(gradients.x?.data ?? [])]).toEqual(ones(shape).data);
  });
});

describe("whole models, in training mode", () => {
  const samples = fileURLToPath(new URL("../../../media/samples", import.meta.url));
  const BATCH = 4;

  /** Forward values and gradients of ⟨G, output⟩ for parameters moved by step·direction. */
  async function stepOf(graph: Graph, step: number, threads = 1) {
    const parameters = [...graph.initializers.values()].filter(
      (tensor) => tensor.dataType === DataType.FLOAT && tensor.dims.length > 0,
    );
    const [input] = requiredInputs(graph);
    const [output] = graph.outputs;
    const batch = input && declaredType(input)?.shape[0];
    const bindings = new Map(typeof batch === "string" ? [[batch, BATCH]] : []);
    const shape = (input && (declaredType(input, bindings)?.shape as number[])) ?? [];
    const names = parameters.map((tensor) => tensor.name);
    const builder = new GraphBuilder(["seed"]);
    const trace = addTrainingForward(builder, graph, bindings, { ...OPTIONS, parameters: names });
    const states = new Set(trace.stateUpdates.map(({ parameter }) => parameter));
    const trained = names.filter((name) => !states.has(name));
    const seeds = new Map([[output?.name ?? "", "seed"]]);
    const gradients = addGradients(builder, trace, seeds, trained);
    const outputShape = (trace.type(output?.name ?? "")?.shape ?? []) as number[];
    const feeds: Record<string, Tensors[string]> = {
      [input?.name ?? ""]: feed(numbers(shape, 3)),
      seed: feed(numbers(outputShape, 4)),
    };
    for (const [index, tensor] of parameters.entries()) {
      const moved = trained.includes(tensor.name) ? step : 0;
      feeds[tensor.name] = feed({ shape: tensor.dims, data: movedValues(tensor, index, moved) });
    }
    const inputs = Object.entries(feeds).map(([name, { dims }]) =>
      makeValueInfo(name, DataType.FLOAT, dims),
    );
    const value = trace.value(output?.name ?? "");
    const wanted = [value, ...gradients.values()];
    const results = await run(
      builder.build("step", inputs, wanted.map(untyped), STEP_OPSET),
      feeds,
      threads,
    );
    const numbersOf = (name: string) => Array.from(results[name]?.data ?? [], Number);
    const loss = dot(numbersOf(value), [...(feeds.seed?.data ?? [])].map(Number));
    const slope = trained.reduce((sum, name) => {
      const index = names.indexOf(name);
      const { data } = numbers(results[gradients.get(name) ?? ""]?.dims ?? [], 50 + index);
      return sum + dot(numbersOf(gradients.get(name) ?? ""), Array.from(data));
    }, 0);
    return { loss, slope, gradients: [...gradients.values()].map((name) => results[name]?.data) };
  }

  function movedValues(tensor: Tensor, index: number, step: number): number[] {
    const direction = numbers(tensor.dims, 50 + index).data;
    return Array.from(readFloat64(tensor), (value, i) => value + step * (direction[i] ?? 0));
  }

  const dot = (left: readonly number[], right: readonly number[]) =>
    left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0);

  test.each(["digits-mlp", "digits-cnn"])("%s agrees with central differences", async (name) => {
    const graph = await readModel(`${samples}/${name}.onnx`);
    // Small, because maxima and kinks switch within larger steps.
    const step = 3e-5;
    const [before, here, after] = [
      await stepOf(graph, -step),
      await stepOf(graph, 0),
      await stepOf(graph, step),
    ];
    const difference = (after.loss - before.loss) / (2 * step);
    expect(Math.abs(here.slope - difference)).toBeLessThan(0.02 * Math.abs(difference));
  });

  // architecture-gradients.test.ts asks the same of larger ones.
  test.each(["digits-cnn", "narrow-resnet"])(
    "%s has the same gradients with one and two threads",
    async (name) => {
      const graph = await readModel(`${samples}/${name}.onnx`);
      const [one, two] = [await stepOf(graph, 0, 1), await stepOf(graph, 0, 2)];
      expect(one.gradients.length).toBeGreaterThan(0);
      expect(two.gradients).toEqual(one.gradients);
    },
  );
});
