import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { floatAttribute, intAttribute } from "../../../src/graph/attributes.ts";
import { readNumbers } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { verify } from "../../../src/graph/verify.ts";
import { insertDropout } from "../../../src/passes/insert-dropout.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { stripDropout } from "../../../src/passes/strip-dropout.ts";
import { modelOf, named, scalar, twoLayers, weights } from "./dropout-models.ts";
import { differenceInRuntime } from "./equivalence.ts";

const options = (given: Record<string, string | number> = {}) =>
  checkedOptions(insertDropout, given);
const relu = named("Relu", "relu", ["h"], ["a"]);
const apply = (graph: ReturnType<typeof twoLayers>, given: Record<string, string | number> = {}) =>
  insertDropout.apply(graph, undefined, options(given));
const sample = (name: string) =>
  readModel(new URL(`../../../media/samples/${name}.onnx`, import.meta.url).pathname);

describe("insert-dropout", () => {
  test.each([12, 13, 17, 22])("operator set %i has the ratio as input", async (opset) => {
    const graph = twoLayers([relu], "a", opset);
    const { graph: changed, applied, siteOutputs } = apply(graph, { rate: 0.25 });
    expect(applied).toEqual([{ node: "relu", into: "relu_dropout" }]);
    expect(siteOutputs).toEqual([{ site: "relu", before: "a", after: "a" }]);
    const dropout = changed.nodes[2];
    expect(dropout?.opType).toBe("Dropout");
    expect(dropout?.input).toEqual(["a_undropped", "dropout_ratio"]);
    expect(dropout?.output).toEqual(["a"]);
    expect(readNumbers(changed.initializers.get("dropout_ratio") as Tensor)).toEqual([0.25]);
    expect(verify(changed)).toEqual([]);
    expect(await differenceInRuntime(graph, changed)).toBe(0);
  });

  test.each([7, 9, 11])("operator set %i has it as attribute", async (opset) => {
    const graph = twoLayers([relu], "a", opset);
    const { graph: changed } = apply(graph, { rate: 0.25 });
    const dropout = changed.nodes[2];
    expect(dropout?.input).toEqual(["a_undropped"]);
    expect(dropout && floatAttribute(dropout, "ratio", 0)).toBe(0.25);
    expect(dropout?.attribute.length).toBe(1);
    expect(await differenceInRuntime(graph, changed)).toBe(0);
  });

  test("operator set 6 is told that this is no training", () => {
    const dropout = apply(twoLayers([relu], "a", 6)).graph.nodes[2];
    expect(dropout && intAttribute(dropout, "is_test", 0)).toBe(1);
  });

  test.each([
    [{ rate: 0 }, "option rate is 0"],
    [{ rate: 1 }, "option rate is 1"],
    // 1 as float32, which ONNX Runtime refuses.
    [{ rate: 0.999999999 }, "option rate is 0.999999999; a number above 0 and below 1"],
    [{ layers: "relu=1" }, "option layers, relu is 1"],
    [{ layers: "relu=" }, "option layers, relu is NaN"],
    [{ layers: "relu" }, 'option layers has "relu"; name=rate is needed'],
    [{ layers: "gelu=0.5" }, "names gelu, which is not one of the model's sites; there are: relu"],
  ])("%j is refused", (given, message) => {
    expect(() => apply(twoLayers([relu], "a"), given)).toThrow(message);
  });

  test("a rate above 1 is refused by its bounds", () => {
    expect(() => options({ rate: 1.5 })).toThrow("option rate is 1.5; a number from 0 to 1");
  });

  test("rates of their own, and sites of one's choice", async () => {
    const graph = await sample("digits-mlp");
    const ids = insertDropout.find(graph, options()).map(({ id }) => id);
    expect(ids.length).toBe(3);
    const [first = "", second = ""] = ids;
    const { graph: changed, applied } = insertDropout.apply(
      graph,
      [first, second],
      options({ layers: `${second} = 0.1` }),
    );
    expect(applied.map(({ node }) => node)).toEqual([first, second]);
    const ratios = changed.nodes
      .filter((node) => node.opType === "Dropout")
      .map((node) => readNumbers(changed.initializers.get(node.input[1] ?? "") as Tensor)[0]);
    expect(ratios).toEqual([0.5, Math.fround(0.1)]);
  });

  test.each(["digits-mlp", "digits-cnn", "narrow-resnet"])(
    "%s is the same file again when it is taken out",
    async (name) => {
      const graph = await sample(name);
      const inserted = insertDropout.apply(graph, undefined, options()).graph;
      expect(inserted.nodes.length).toBeGreaterThan(graph.nodes.length);
      const stripped = stripDropout.apply(inserted, undefined, {}).graph;
      expect(encodeModel(stripped)).toEqual(encodeModel(graph));
    },
  );

  test("a nonlinearity in several nodes is dropped from at its end", () => {
    const swish = twoLayers(
      [named("Sigmoid", "sigmoid", ["h"], ["s"]), named("Mul", "mul", ["h", "s"], ["a"])],
      "a",
    );
    expect(apply(swish).siteOutputs).toEqual([{ site: "sigmoid", before: "a", after: "a" }]);
    const mish = twoLayers(
      [
        named("Softplus", "softplus", ["h"], ["p"]),
        named("Tanh", "tanh", ["p"], ["t"]),
        named("Mul", "mul", ["t", "h"], ["a"]),
      ],
      "a",
    );
    expect(apply(mish).siteOutputs).toEqual([{ site: "tanh", before: "a", after: "a" }]);
    const gelu = twoLayers(
      [
        named("Div", "div", ["h", "root"], ["d"]),
        named("Erf", "erf", ["d"], ["e"]),
        named("Add", "add", ["e", "one"], ["f"]),
        named("Mul", "mul", ["h", "f"], ["m"]),
        named("Mul", "half", ["m", "one"], ["a"]),
      ],
      "a",
    );
    const constants = [scalar("root", Math.SQRT2), scalar("one", 1)];
    const initializers = new Map([
      ...gelu.initializers,
      ...constants.map((t) => [t.name, t] as const),
    ]);
    expect(apply({ ...gelu, initializers }).siteOutputs).toEqual([
      { site: "erf", before: "a", after: "a" },
    ]);
  });

  test("gates, the model's end, outputs and a Dropout that is there are left with the reason", () => {
    const graph = modelOf(
      [
        named("Gemm", "fc1", ["x", "w1"], ["h"]),
        named("Gemm", "gate", ["x", "w1"], ["g"]),
        named("Sigmoid", "sigmoid", ["g"], ["s"]),
        named("Mul", "mul", ["h", "s"], ["m"]),
        named("Relu", "relu", ["m"], ["a"]),
        named("Dropout", "drop", ["a"], ["d"]),
        named("Tanh", "tanh", ["d"], ["seen"]),
        named("Gemm", "fc2", ["seen", "w2"], ["z"]),
        named("Sigmoid", "last", ["z"], ["y"]),
      ],
      {
        outputs: { y: ["N", 3], seen: ["N", 5] },
        tensors: [weights("w1", [4, 5]), weights("w2", [5, 3])],
      },
    );
    const { applied, skipped, graph: same } = apply(graph);
    expect(applied).toEqual([]);
    expect(same.nodes).toEqual(graph.nodes);
    expect(skipped).toEqual([
      {
        node: "sigmoid",
        reason: "Sigmoid sigmoid is a gate: Mul mul multiplies h by what it makes.",
      },
      { node: "relu", reason: "Dropout drop follows Relu relu already." },
      { node: "tanh", reason: "The result of Tanh tanh (seen) is an output of the model." },
      {
        node: "last",
        reason: "No layer reads what Sigmoid last makes, so it is not a hidden layer's.",
      },
    ]);
  });
});
