import fc from "fast-check";
import { expect, test } from "vitest";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Node } from "../../../src/graph/graph.ts";
import { elementCount } from "../../../src/graph/tensor.ts";
import type { ConvGeometry } from "../../../src/operators/conv-geometry.ts";
import type { ConvForwardRecipe, ConvGradientRecipe } from "../../../src/operators/conv-recipe.ts";
import {
  FORWARD_RECIPES,
  INPUT_GRADIENT_RECIPES,
  WEIGHT_GRADIENT_RECIPES,
} from "../../../src/operators/conv-recipes.ts";
import { STEP_OPSET } from "../../../src/operators/operator.ts";
import { readEndPadding, windowOf, windowOutputSizes } from "../../../src/operators/window.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { channelBlock } from "../../../src/training/conv-machine.ts";
import { feed, node, numbers, run, runStep, untyped, type Values } from "./step-harness.ts";

/*
 * For an operator that is linear in an input X, Y(X + D) − Y(X) is Y's linear part at D, and its
 * adjoint must satisfy ⟨G, Y(D)⟩ = ⟨gradient(G), D⟩ for every D: an exact test without a reference.
 * Operators linear in each of several inputs are tested one input at a time.
 */

const RUNS = { numRuns: 30, seed: 20261122 } as const;
const TOLERANCE = 2e-5;

function innerProduct(left: ArrayLike<number | bigint>, right: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < left.length; index++)
    sum += Number(left[index]) * (right[index] ?? 0);
  return sum;
}

/** |⟨G, Y⟩ − ⟨∂L/∂X, X⟩| relative to the product of norms, for an operator without constant part. */
async function adjointError(
  operator: Node,
  inputs: Readonly<Record<string, Values>>,
  outputShape: readonly number[],
): Promise<number> {
  const seed = numbers(outputShape, 99);
  const model = { nodes: [operator], inputs, output: "Y" };
  const [one, two] = [await runStep(model, seed, {}, 1), await runStep(model, seed, {}, 2)];
  const output = one.values.Y;
  expect(output?.dims).toEqual(outputShape);
  const left = innerProduct(output?.data ?? [], seed.data);
  const norm = Math.sqrt(innerProduct(output?.data ?? [], Array.from(output?.data ?? [], Number)));
  const scale = norm * Math.sqrt(innerProduct(seed.data, seed.data)) + 1;
  const errors = Object.entries(inputs).map(([name, values]) => {
    const gradient = one.gradients[name];
    expect(gradient?.dims).toEqual(values.shape);
    expect(two.gradients[name]?.data, `${name} with two threads`).toEqual(gradient?.data);
    return Math.abs(left - innerProduct(gradient?.data ?? [], values.data)) / scale;
  });
  return Math.max(...errors);
}

const perAxis = (low: number, high: number, axes: number) =>
  fc.array(fc.integer({ min: low, max: high }), { minLength: axes, maxLength: axes });

interface WindowLimits {
  readonly axes: readonly [least: number, most: number];
  readonly kernel: readonly [least: number, most: number];
  readonly dilation: number;
  readonly groups: readonly number[];
}

/** A window, spatial sizes that it fits into, and channels. */
const windowsWithin = ({ axes: [fewest, most], kernel, dilation, groups }: WindowLimits) =>
  fc
    .integer({ min: fewest, max: most })
    .chain((axes) =>
      fc.record({
        kernel: perAxis(...kernel, axes),
        strides: perAxis(1, 3, axes),
        dilations: perAxis(1, dilation, axes),
        pads: perAxis(0, 2, 2 * axes),
        extra: perAxis(0, 4, axes),
        autoPad: fc.constantFrom("NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"),
        batch: fc.integer({ min: 1, max: 2 }),
        group: fc.constantFrom(...groups),
        perGroup: fc.integer({ min: 1, max: 3 }),
        filtersPerGroup: fc.integer({ min: 1, max: 2 }),
      }),
    )
    .map((drawn) => {
      const sizes = drawn.kernel.map(
        (size, axis) => (size - 1) * (drawn.dilations[axis] ?? 1) + 1 + (drawn.extra[axis] ?? 0),
      );
      // ONNX Runtime has no SAME padding with dilation.
      const same = drawn.autoPad.startsWith("SAME");
      const dilations = same ? drawn.kernel.map(() => 1) : drawn.dilations;
      const padding =
        drawn.autoPad === "NOTSET"
          ? { pads: { ints: drawn.pads } }
          : { auto_pad: { string: drawn.autoPad } };
      const attributes = {
        kernel_shape: { ints: drawn.kernel },
        strides: { ints: drawn.strides },
        ...padding,
      };
      return { ...drawn, dilations, sizes, attributes };
    });

const windows = windowsWithin({ axes: [1, 3], kernel: [1, 3], dilation: 2, groups: [1, 1, 2, 3] });

/** Those that most recipes are made for. */
const imageWindows = windowsWithin({ axes: [2, 2], kernel: [2, 4], dilation: 1, groups: [1] });

test("Conv, in its input and in its weight", async () => {
  await fc.assert(
    fc.asyncProperty(windows, channelCounts, async (drawn, [perGroup, filtersPerGroup]) => {
      const { batch, group, sizes, kernel } = drawn;
      const operator = node("Conv", ["X", "W"], ["Y"], {
        ...drawn.attributes,
        dilations: { ints: drawn.dilations },
        group: { int: group },
      });
      const outputs = windowOutputSizes(operator, kernel, sizes) as number[];
      const error = await adjointError(
        operator,
        {
          X: numbers([batch, group * perGroup, ...sizes], 1),
          W: numbers([group * filtersPerGroup, perGroup, ...kernel], 2),
        },
        [batch, group * filtersPerGroup, ...outputs],
      );
      expect(error).toBeLessThan(TOLERANCE);
    }),
    RUNS,
  );
});

/** A few, and so many that blocked kernels take them, with whole and with broken blocks. */
const channelCounts = fc.tuple(
  fc.constantFrom(1, 2, 3, 16, 20, 32),
  fc.constantFrom(1, 2, 16, 24, 32),
);

test("every way to compute Conv and its gradients that applies gives the same", async () => {
  const machine = { channelBlock: await channelBlock(await loadRuntime()) };
  const met = new Set<string>();
  const applying = <Recipe extends ConvForwardRecipe | ConvGradientRecipe>(
    recipes: readonly Recipe[],
    geometry: ConvGeometry,
  ) => {
    const found = recipes.filter((recipe) => recipe.applies(geometry, machine));
    for (const { name } of found) met.add(name);
    return found;
  };
  const anyWindow = fc.oneof(windows, imageWindows);
  await fc.assert(
    fc.asyncProperty(anyWindow, channelCounts, fc.boolean(), async (drawn, counts, unitStride) => {
      const [perGroup, filtersPerGroup] = counts;
      const { batch, group, sizes, kernel } = drawn;
      const strides = unitStride ? kernel.map(() => 1) : drawn.strides;
      const operator = node("Conv", ["X", "W"], ["Y"], {
        ...drawn.attributes,
        strides: { ints: strides },
        dilations: { ints: drawn.dilations },
      });
      const window = windowOf(operator, kernel, sizes);
      const outputSizes = windowOutputSizes(operator, kernel, sizes) as number[];
      const geometry: ConvGeometry = {
        ...window,
        group,
        batch,
        channels: group * perGroup,
        filters: group * filtersPerGroup,
        sizes,
        outputSizes,
        readEnd: readEndPadding(window, sizes, outputSizes),
      };
      const values = {
        X: numbers([batch, geometry.channels, ...sizes], 1),
        W: numbers([geometry.filters, perGroup, ...kernel], 2),
        B: numbers([geometry.filters], 4),
        G: numbers([batch, geometry.filters, ...outputSizes], 3),
      };
      const builder = new GraphBuilder(Object.keys(values));
      const forwards = applying(FORWARD_RECIPES, geometry).map((recipe) => {
        const output = builder.freshName(recipe.name);
        const forward = { input: "X", weight: "W", bias: "B", output };
        recipe.build(builder, geometry, forward, machine);
        return output;
      });
      const gradientsOf = (recipes: readonly ConvGradientRecipe[], other: string) =>
        applying(recipes, geometry).map((recipe) =>
          recipe.build(builder, geometry, other, "G", machine),
        );
      const built = [
        forwards,
        gradientsOf(INPUT_GRADIENT_RECIPES, "W"),
        gradientsOf(WEIGHT_GRADIENT_RECIPES, "X"),
      ];
      const graph = builder.build(
        "recipes",
        Object.entries(values).map(([name, { shape }]) =>
          makeValueInfo(name, DataType.FLOAT, shape),
        ),
        built.flat().map(untyped),
        STEP_OPSET,
      );
      const feeds = Object.fromEntries(
        Object.entries(values).map(([name, value]) => [name, feed(value)]),
      );
      const results = await run(graph, feeds);
      for (const [first = "", ...others] of built) {
        const expected = Array.from(results[first]?.data ?? [], Number);
        const largest = Math.max(...expected.map(Math.abs), 1e-3);
        for (const other of others) {
          expect(results[other]?.dims).toEqual(results[first]?.dims);
          const actual = Array.from(results[other]?.data ?? [], Number);
          const difference = Math.max(
            ...actual.map((value, index) => Math.abs(value - (expected[index] ?? 0))),
          );
          expect(difference / largest).toBeLessThan(TOLERANCE);
        }
      }
    }),
    { ...RUNS, numRuns: 100 },
  );
  const blocked = machine.channelBlock > 1;
  for (const { name } of [
    ...FORWARD_RECIPES,
    ...INPUT_GRADIENT_RECIPES,
    ...WEIGHT_GRADIENT_RECIPES,
  ]) {
    expect(met.has(name), name).toBe(blocked || !name.startsWith("blocked"));
  }
});

/** Pooling pads must be smaller than the kernel. */
function poolAttributes(drawn: { kernel: number[]; strides: number[]; pads: number[] }) {
  const pads = drawn.pads.map((pad, index) =>
    Math.min(pad, (drawn.kernel[index % drawn.kernel.length] ?? 1) - 1),
  );
  return {
    kernel_shape: { ints: drawn.kernel },
    strides: { ints: drawn.strides },
    pads: { ints: pads },
  };
}

test("AveragePool", async () => {
  const options = fc.record({ drawn: windows, include: fc.boolean(), ceil: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(options, async ({ drawn, include, ceil }) => {
      const operator = node("AveragePool", ["X"], ["Y"], {
        ...poolAttributes(drawn),
        count_include_pad: { int: include ? 1 : 0 },
        ceil_mode: { int: ceil ? 1 : 0 },
      });
      const sizes = drawn.sizes.map((size, axis) => Math.max(size, drawn.kernel[axis] ?? 1));
      const outputs = windowOutputSizes(operator, drawn.kernel, sizes) as number[];
      const shape = [drawn.batch, drawn.perGroup];
      const inputs = { X: numbers([...shape, ...sizes]) };
      expect(await adjointError(operator, inputs, [...shape, ...outputs])).toBeLessThan(TOLERANCE);
    }),
    RUNS,
  );
});

/** With its positions held, MaxPool is linear too; distinct inputs keep them in place. */
test("MaxPool", async () => {
  const options = fc.record({ drawn: windows, ceil: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(options, async ({ drawn, ceil }) => {
      const operator = node("MaxPool", ["X"], ["Y"], {
        ...poolAttributes(drawn),
        dilations: { ints: drawn.dilations },
        ceil_mode: { int: ceil ? 1 : 0 },
      });
      const outputs = windowOutputSizes(operator, drawn.kernel, drawn.sizes) as number[];
      const shape = [drawn.batch, drawn.perGroup];
      const inputs = { X: numbers([...shape, ...drawn.sizes]) };
      expect(await adjointError(operator, inputs, [...shape, ...outputs])).toBeLessThan(TOLERANCE);
    }),
    RUNS,
  );
});

test("MatMul over stacks that broadcast", async () => {
  const stack = fc.array(fc.constantFrom(1, 2, 3), { maxLength: 2 });
  const sizes = fc.record({ m: fc.nat(3), k: fc.nat(3), n: fc.nat(3) });
  await fc.assert(
    fc.asyncProperty(
      stack,
      stack,
      fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      sizes,
      async (drawn, _other, flags, { m, k, n }) => {
        const [left, right] = [
          drawn.map((size) => (flags[0] ? size : 1)),
          flags[1] ? drawn.slice(1) : drawn,
        ];
        const batch = flags[0] || !flags[1] ? drawn : [1, ...drawn.slice(1)].slice(0, drawn.length);
        const inputs = {
          X: numbers([...left, m + 1, k + 1], 1),
          W: numbers([...right, k + 1, n + 1], 2),
        };
        const operator = node("MatMul", ["X", "W"], ["Y"]);
        expect(await adjointError(operator, inputs, [...batch, m + 1, n + 1])).toBeLessThan(
          TOLERANCE,
        );
      },
    ),
    RUNS,
  );
});

test("Slice with any start, end and step", async () => {
  const cut = fc.record({
    size: fc.integer({ min: 1, max: 9 }),
    start: fc.integer({ min: -10, max: 10 }),
    end: fc.integer({ min: -12, max: 12 }),
    step: fc.constantFrom(-3, -2, -1, 1, 2, 3),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(cut, { minLength: 1, maxLength: 3 }), async (cuts) => {
      const shape = cuts.map(({ size }) => size);
      const positions = cuts.map(({ size, start, end, step }) => sliced(size, start, end, step));
      fc.pre(positions.every((count) => count > 0));
      const operator = node("Slice", ["X", "list0", "list1", "list2", "list3"], ["Y"]);
      const lists = [
        cuts.map(({ start }) => start),
        cuts.map(({ end }) => end),
        cuts.map((_, axis) => axis),
        cuts.map(({ step }) => step),
      ];
      const constants = lists.map((list, index) =>
        node("Constant", [], [`list${index}`], { value_ints: { ints: list } }),
      );
      const seed = numbers(positions, 99);
      const result = await runStep(
        { nodes: [...constants, operator], inputs: { X: numbers(shape) }, output: "Y" },
        seed,
      );
      expect(result.values.Y?.dims).toEqual(positions);
      const left = innerProduct(result.values.Y?.data ?? [], seed.data);
      const right = innerProduct(result.gradients.X?.data ?? [], numbers(shape).data);
      expect(Math.abs(left - right)).toBeLessThan(TOLERANCE * elementCount(positions));
    }),
    RUNS,
  );
});

/** Length of a Python slice, which is what ONNX means. */
function sliced(size: number, start: number, end: number, step: number): number {
  const place = (position: number) => (position < 0 ? position + size : position);
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (position: number) => Math.min(Math.max(position, low), high);
  const first = Math.max(clamp(place(start)), 0);
  const last = end < 0 && end + size < 0 ? low : clamp(place(end));
  return Math.max(Math.ceil((last - first) / step), 0);
}
