import { expect, test } from "vitest";
import type { Json } from "../../../../src/formats/layers/json.ts";
import { parseModelConfig } from "../../../../src/formats/layers/model-config.ts";
import { readLayers } from "../../../../src/formats/layers/read-layers.ts";
import { NamedWeights } from "../../../../src/formats/layers/weight-store.ts";
import { encodeModel } from "../../../../src/formats/onnx/write.ts";
import { opaqueNodes } from "../../../../src/graph/opaque-node.ts";
import { loadRuntime } from "../../../../src/runtime/onnx-runtime.ts";

const X = [-7, -3.5, -1, -0.4, 0, 0.3, 0.9, 2.5, 6];

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** The formulas of keras/src/activations/activations.py. */
const FORMULAS: Readonly<Record<string, (x: number) => number>> = {
  hard_silu: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
  celu: (x) => Math.max(x, 0) + Math.min(Math.expm1(x), 0),
  log_sigmoid: (x) => Math.log(sigmoid(x)),
  hard_tanh: (x) => Math.min(Math.max(x, -1), 1),
  hard_shrink: (x) => (Math.abs(x) > 0.5 ? x : 0),
  soft_shrink: (x) => Math.sign(x) * Math.max(Math.abs(x) - 0.5, 0),
  tanh_shrink: (x) => x - Math.tanh(x),
};

function tensor(layer: string, shape: Json): Json {
  const config = { shape, dtype: "float32", keras_history: [layer, 0, 0] };
  return { class_name: "__keras_tensor__", config };
}

function layer(className: string, name: string, config: Record<string, Json>, from?: string): Json {
  const inbound = from === undefined ? [] : [{ args: [tensor(from, [null, 9])], kwargs: {} }];
  return { class_name: className, name, config: { name, ...config }, inbound_nodes: inbound };
}

/** As Keras 3 saves a functional model that gives its outputs by name. */
function model(layers: readonly Json[], outputs: Json): Json {
  const input = layer("InputLayer", "row", { batch_shape: [null, 9], dtype: "float32" });
  return {
    class_name: "Functional",
    config: {
      name: "model",
      layers: [input, ...layers],
      input_layers: { row: ["row", 0, 0] },
      output_layers: outputs,
    },
  };
}

const read = (config: Json) =>
  readLayers(parseModelConfig(config), new NamedWeights([]), "keras3").graph;

test.each(Object.entries(FORMULAS))("activation %s computes Keras' formula", async (name, f) => {
  const graph = read(
    model([layer("Activation", "bend", { activation: name }, "row")], ["bend", 0, 0]),
  );
  const session = await (await loadRuntime()).createSession(encodeModel(graph));
  const feeds = { row: { type: "float32", dims: [1, 9], data: Float32Array.from(X) } } as const;
  const result = (await session.run(feeds))[graph.outputs[0]?.name ?? ""];
  await session.release();
  // Float32 rounds at the size of the numbers, 7 at most.
  for (const [index, x] of X.entries()) {
    expect(Math.abs(Number(result?.data[index]) - f(x))).toBeLessThan(2e-6);
  }
});

test("outputs that a model gives by name are counted in the order of their names, as Keras does", () => {
  const layers = [
    layer("Activation", "first", { activation: "relu" }, "row"),
    layer("Activation", "second", { activation: "tanh" }, "row"),
  ];
  const graph = read(model(layers, { score: ["first", 0, 0], age: ["second", 0, 0] }));
  const makers = graph.outputs.map(({ name }) => graph.nodes.find((n) => n.output.includes(name)));
  expect(makers.map((node) => node?.opType)).toEqual(["Tanh", "Relu"]);
});

test.each([
  ["an activation of the user's own", "Activation", { activation: "lunar" }, /activation "lunar"/],
  ["a ReLU with a threshold", "ReLU", { threshold: 0.5 }, /a threshold/],
  ["a bent ReLU", "ReLU", { max_value: 6, negative_slope: 0.1 }, /max_value and negative_slope/],
] as const)("%s is kept like a layer that is not known", (_, className, config, told) => {
  const graph = read(
    model(
      [
        layer(className, "own", config, "row"),
        layer("Activation", "after", { activation: "relu" }, "own"),
      ],
      ["after", 0, 0],
    ),
  );
  expect(graph.nodes.at(-1)?.opType).toBe("Relu");
  expect(opaqueNodes(graph).map(({ node, reason }) => [node.opType, reason])).toEqual([
    [className, expect.stringMatching(told)],
  ]);
});

test.each([
  {
    class_name: "QuantizedFloat8DTypePolicy",
    config: { mode: "float8", source_name: "float32", amax_history_length: 1024 },
  },
  "float8_from_float32",
] as const)("a quantized layer is not taken for its float one (dtype %j)", (dtype) => {
  const graph = read(model([layer("Dense", "own", { units: 2, dtype }, "row")], ["own", 0, 0]));
  expect(opaqueNodes(graph).map(({ node, reason }) => [node.opType, reason])).toEqual([
    ["Dense", expect.stringMatching(/it computes with float8 numbers/)],
  ]);
});
