import { expect, test } from "vitest";
import { knownShapes } from "../../../../src/engine/known-shapes.ts";
import { layersModel } from "../../../../src/formats/layers/from-graph/layers-model.ts";
import { parseModelConfig } from "../../../../src/formats/layers/model-config.ts";
import { readLayers } from "../../../../src/formats/layers/read-layers.ts";
import { NamedWeights } from "../../../../src/formats/layers/weight-store.ts";
import { nodeRole, roleList, roleNumber } from "../../../../src/graph/node-role.ts";
import { float32Tensor } from "../../../../src/graph/tensor.ts";

/** The graph of a Sequential model with one layer of noise, behind a convolution where one is asked for. */
function read(className: string, config: object, shape: readonly number[], convolved = false) {
  const input = {
    class_name: "InputLayer",
    config: { name: "x", batch_shape: [null, ...shape] },
  };
  const convolution = {
    class_name: "Conv2D",
    config: { name: "conv", filters: 4, kernel_size: [1, 1], use_bias: false },
  };
  const layer = { class_name: className, config: { name: "noise", ...config } };
  const layers = [input, ...(convolved ? [convolution] : []), layer];
  const topology = JSON.parse(
    JSON.stringify({ class_name: "Sequential", config: { name: "model", layers } }),
  );
  const sizes = [1, 1, shape.at(-1) ?? 1, 4];
  const kernel = float32Tensor("conv/kernel", sizes, new Float32Array((shape.at(-1) ?? 1) * 4));
  const store = new NamedWeights(convolved ? [kernel] : []);
  return readLayers(parseModelConfig(topology), store, "keras3").graph;
}

function noiseOf(...described: Parameters<typeof read>) {
  const node = read(...described).nodes.find(({ name }) => name === "noise");
  if (node === undefined) throw new Error("the layer has no node");
  const strength = roleNumber(node, "strength", Number.NaN);
  return [node.opType, nodeRole(node), strength, roleList(node, "shared")];
}

test("each layer of noise is an Identity that says what training does there", () => {
  expect(noiseOf("GaussianNoise", { stddev: 0.25 }, [3])).toEqual([
    "Identity",
    "added-noise",
    0.25,
    [],
  ]);
  expect(noiseOf("GaussianDropout", { rate: 0.2 }, [3])).toEqual([
    "Identity",
    "gaussian-dropout",
    0.2,
    [],
  ]);
  expect(noiseOf("AlphaDropout", { rate: 0.2, noise_shape: [null, 1] }, [3])).toEqual([
    "Identity",
    "alpha-dropout",
    0.2,
    [1],
  ]);
});

test("whole channels are dropped, wherever they lie", () => {
  const dropped = ["Identity", "shared-dropout", 0.3];
  const rate = { rate: 0.3 };
  expect(noiseOf("SpatialDropout1D", rate, [5, 4])).toEqual([...dropped, [1]]);
  expect(noiseOf("SpatialDropout2D", rate, [6, 5, 4])).toEqual([...dropped, [1, 2]]);
  // Behind a convolution the channels are axis 1.
  expect(noiseOf("SpatialDropout2D", rate, [6, 5, 4], true)).toEqual([...dropped, [2, 3]]);
  const first = { ...rate, data_format: "channels_first" };
  expect(noiseOf("SpatialDropout2D", first, [6, 5, 4])).toEqual([...dropped, [2, 3]]);
  expect(noiseOf("SpatialDropout3D", rate, [3, 6, 5, 4])).toEqual([...dropped, [1, 2, 3]]);
});

test("noise_shape: sizes of 1 are shared, lined up at the right; others have to be the input's", () => {
  const shared = (noise_shape: unknown, convolved = false) =>
    noiseOf("Dropout", { rate: 0.5, noise_shape }, [6, 5, 4], convolved);
  expect(shared([null, 1, 1, null])).toEqual(["Identity", "shared-dropout", 0.5, [1, 2]]);
  expect(shared([null, 1, 1, 4], true)).toEqual(["Identity", "shared-dropout", 0.5, [2, 3]]);
  expect(shared([6, 5, 1])).toEqual(["Identity", "shared-dropout", 0.5, [0, 3]]);
  expect(shared([null, 6, 5, 4])[0]).toBe("Dropout");
  expect(shared(null)[0]).toBe("Dropout");
  expect(() => shared([null, 2, 1, 1])).toThrow(/layer noise.*noise_shape.*has 6/);
  expect(() => shared([1, 1, 1, 1, 1])).toThrow(/noise_shape/);
});

test("a strength that Keras refuses is refused", () => {
  expect(() => read("GaussianNoise", { stddev: -1 }, [3])).toThrow(/layer noise.*stddev/);
  expect(() => read("SpatialDropout1D", { rate: 1.5 }, [5, 4])).toThrow(/layer noise.*rate/);
  expect(() => read("SpatialDropout1D", { rate: 0.5 }, [4])).toThrow(/layer noise.*axes between/);
});

test.each([
  ["GaussianNoise", { stddev: 0.25 }, {}],
  ["GaussianDropout", { rate: 0.2 }, {}],
  ["AlphaDropout", { rate: 0.2 }, {}],
  ["AlphaDropout", { rate: 0.2, noise_shape: [null, 1, 1, null] }, {}],
  ["Dropout", { rate: 0.1, noise_shape: [null, 1, 1, 1] }, {}],
  // The same noise under another name.
  ["SpatialDropout2D", { rate: 0.3 }, { class: "Dropout", noise_shape: [null, 1, 1, null] }],
])("%s %j becomes a layer again where a graph is written as layers", (name, config, other) => {
  const graph = read(name, config, [6, 5, 4], true);
  const text = JSON.stringify(layersModel(graph, knownShapes(graph), "keras3").config);
  const { class: className = name, ...rest } = { class: name, ...other };
  const { layers } = JSON.parse(text).config;
  const written = layers.filter(
    (each: { config: { name: string } }) => each.config.name === "noise",
  );
  expect(written).toHaveLength(1);
  expect(written[0]).toMatchObject({ class_name: className, config: { ...config, ...rest } });
});
