import { describe, expect, test } from "vitest";
import {
  boundInputs,
  castElements,
  openInputs,
  syntheticTrials,
} from "../../../../src/engine/certificate/trial-inputs.ts";
import { makeValueInfo } from "../../../../src/graph/builder.ts";
import { DataType } from "../../../../src/graph/data-type.ts";
import type { Graph, ValueInfo } from "../../../../src/graph/graph.ts";

function graphWith(inputs: readonly ValueInfo[]): Graph {
  return {
    name: "inputs",
    nodes: [],
    initializers: new Map(),
    inputs,
    outputs: [],
    valueInfo: [],
    functions: [],
    opsets: new Map([["", 17]]),
    irVersion: 9,
    producer: "",
    source: { format: "memory" },
  };
}

const image = makeValueInfo("image", DataType.FLOAT, ["batch", 3, "height", "width"]);

describe("openInputs", () => {
  test("keeps numbers, and names what is open", () => {
    expect(openInputs(graphWith([image]))).toEqual([
      {
        name: "image",
        type: "float32",
        sizes: [
          { key: "batch", batch: true },
          3,
          { key: "height", batch: false },
          { key: "width", batch: false },
        ],
      },
    ]);
  });

  test("says which input cannot be made up", () => {
    const words = makeValueInfo("words", DataType.STRING, [1]);
    expect(openInputs(graphWith([image, words]))).toBe("its input words is string");
    const bfloat16 = makeValueInfo("x", DataType.BFLOAT16, [1]);
    expect(openInputs(graphWith([bfloat16]))).toBe("its input x is bfloat16");
  });
});

describe("boundInputs", () => {
  const open = openInputs(graphWith([image]));
  if (typeof open === "string") throw new Error(open);

  test("tries every batch with every size, the likeliest first", () => {
    const guesses = boundInputs(open, [4, 1]).map(([input]) => input?.dims);
    expect(guesses[0]).toEqual([4, 3, 32, 32]);
    expect(guesses[1]).toEqual([4, 3, 224, 224]);
    expect(guesses.at(-1)).toEqual([1, 3, 1, 1]);
    expect(guesses).toHaveLength(18);
  });

  test("a model that leaves nothing open is tried once", () => {
    const fixed = makeValueInfo("x", DataType.FLOAT, [2, 5]);
    const inputs = openInputs(graphWith([fixed]));
    if (typeof inputs === "string") throw new Error(inputs);
    expect(boundInputs(inputs, [4, 1])).toEqual([[{ name: "x", type: "float32", dims: [2, 5] }]]);
  });
});

describe("syntheticTrials", () => {
  const trials = (type: "float32" | "int64" | "uint8" | "bool") =>
    syntheticTrials([{ name: "x", type, dims: [2, 3] }]).map((versions) => versions[0]?.());

  test("are six, of which three are constant", () => {
    expect(trials("float32").map((trial) => trial?.constant)).toEqual([
      false,
      false,
      false,
      true,
      true,
      true,
    ]);
    const ramp = trials("float32")[2]?.feeds.x;
    expect([...(ramp?.data ?? [])].map((value) => Number(value).toFixed(1))).toEqual([
      "-1.0",
      "-0.6",
      "-0.2",
      "0.2",
      "0.6",
      "1.0",
    ]);
  });

  test("are the same every time", () => {
    expect(trials("float32")).toEqual(trials("float32"));
  });

  test("large constants have smaller versions, for models that overflow", () => {
    const [, , , , large = []] = syntheticTrials([{ name: "x", type: "float32", dims: [1] }]);
    expect(large.map((version) => version().name)).toEqual([
      "constant 1000",
      "constant 100",
      "constant 10",
    ]);
  });

  test("whole numbers are indices that a small table has, bytes use their range", () => {
    for (const trial of trials("int64")) {
      for (const value of trial?.feeds.x?.data ?? []) {
        expect(Number(value)).toBeGreaterThanOrEqual(0);
        expect(Number(value)).toBeLessThan(10);
      }
    }
    expect([...(trials("uint8")[4]?.feeds.x?.data ?? [])]).toEqual([127, 127, 127, 127, 127, 127]);
    expect([...(trials("bool")[4]?.feeds.x?.data ?? [])]).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

test("castElements rounds to what a type holds", () => {
  expect(castElements("float16", Float64Array.of(1, 1 / 3))).toEqual(
    Uint16Array.of(0x3c00, 0x3555),
  );
  expect(castElements("int64", Float64Array.of(-1.9))).toEqual(BigInt64Array.of(-1n));
  expect(castElements("float32", Float64Array.of(0.1))[0]).toBe(Math.fround(0.1));
});
