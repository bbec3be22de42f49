import { expect, test } from "vitest";
import { callsInOrder } from "../../../../src/formats/layers/call-order.ts";
import { parseModelConfig } from "../../../../src/formats/layers/model-config.ts";

/** A functional model; each call is a list of the layers that it reads, "name" or "name:call". */
function model(layers: readonly (readonly [name: string, ...calls: readonly string[]])[]) {
  const reference = (text: string) => {
    const [name = "", call = "0"] = text.split(":");
    return [name, Number(call), 0, {}];
  };
  const config = {
    layers: layers.map(([name, ...calls]) => ({
      class_name: name === "input" ? "InputLayer" : "Add",
      name,
      config: { name },
      inbound_nodes: calls.map((call) => call.split(" ").map(reference)),
    })),
    input_layers: [["input", 0, 0]],
    output_layers: [["out", 0, 0]],
  };
  return parseModelConfig({ class_name: "Functional", config });
}

const told = (config: ReturnType<typeof model>) =>
  callsInOrder(config).map(({ layer, call }) =>
    call === 0 ? layer.name : `${layer.name}:${call}`,
  );

test("calls that are listed behind what they read keep their order", () => {
  const layers = [["input"], ["b", "input"], ["a", "input"], ["out", "a b"], ["c", "a"]] as const;
  expect(told(model(layers))).toEqual(["b", "a", "out", "c"]);
});

test("calls that are not are called as soon as a walk through the list can", () => {
  const layers = [
    ["out", "shared:1 first"],
    ["shared", "first", "between"],
    ["between", "shared"],
    ["first", "input"],
    ["input"],
  ] as const;
  expect(told(model(layers))).toEqual(["first", "shared", "between", "shared:1", "out"]);
});

test.each([
  ["each other", [["input"], ["a", "b"], ["b", "a"], ["out", "input"]], /layers a, b read/],
  ["itself", [["input"], ["a", "a"], ["out", "input"]], /layers a read/],
  ["no layer", [["input"], ["a", "gone"], ["b", "a"], ["out", "input"]], /layers a, b read/],
  ["a call that is not there", [["input"], ["out", "input:1"]], /layers out read/],
] as const)("layers that read %s are named", (_, layers, sentence) => {
  expect(() => told(model(layers))).toThrow(sentence);
});

test("20,000 layers in reverse take no longer than a moment", () => {
  const names = Array.from({ length: 19_998 }, (_, index) => `layer_${index}`);
  const chain = ["input", ...names, "out"].map((name, index, all) => {
    const before = all[index - 1];
    return before === undefined ? ([name] as const) : ([name, before] as const);
  });
  const reversed = model(chain.toReversed());
  const start = performance.now();
  const order = told(reversed);
  // Walking through the list once for each of them took minutes.
  expect(performance.now() - start).toBeLessThan(10_000);
  expect(order.join()).toBe([...names, "out"].join());
});

test("a layer that reads 10,000 others, which stand behind it, takes no longer either", () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `layer_${index}`);
  const wide = model([
    ["out", names.join(" ")],
    ...names.map((name, index) => [name, names[index + 1] ?? "input"] as const),
    ["input"],
  ]);
  const start = performance.now();
  const order = told(wide);
  expect(performance.now() - start).toBeLessThan(10_000);
  expect(order.join()).toBe([...names.toReversed(), "out"].join());
});
