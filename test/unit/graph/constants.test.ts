import { describe, expect, test } from "vitest";
import { makeNode } from "../../../src/graph/builder.ts";
import { constantValue, isOverridable } from "../../../src/graph/constants.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { readNumbers } from "../../../src/graph/numbers.ts";
import { graphOf } from "./small-graphs.ts";

describe("constantValue", () => {
  test.each([
    [{ value_float: { float: 2.5 } }, [], [2.5]],
    [{ value_floats: { floats: [1, 2] } }, [2], [1, 2]],
    [{ value_int: { int: 7 } }, [], [7]],
    [{ value_ints: { ints: [3, 4, 5] } }, [3], [3, 4, 5]],
  ])("a Constant of %o", (attributes, dims, values) => {
    const graph = graphOf([makeNode("Constant", [], ["c"], { attributes })]);
    const tensor = constantValue(graph, "c");
    expect(tensor?.name).toBe("c");
    expect(tensor?.dims).toEqual(dims);
    expect(tensor && readNumbers(tensor)).toEqual(values);
  });

  test("a list put together from Constants, as PyTorch exports scales, but not from anything else", () => {
    const floats = (name: string, ...values: number[]) =>
      makeNode("Constant", [], [name], { attributes: { value_floats: { floats: values } } });
    const axis = { attributes: { axis: { int: 0 } } };
    const nodes = [
      floats("a", 1, 1),
      floats("b", 2, 3),
      makeNode("Constant", [], ["i"], { attributes: { value_ints: { ints: [1] } } }),
      makeNode("Concat", ["a", "b"], ["scales"], axis),
      makeNode("Concat", ["a", "i"], ["mixed"], axis),
      makeNode("Concat", ["a", "x"], ["computed"], axis),
      makeNode("Concat", ["a", "w"], ["stored"], axis),
    ];
    const graph = graphOf(nodes, { initializers: ["w"] });
    const scales = constantValue(graph, "scales");
    expect([scales?.name, scales?.dims, scales?.dataType]).toEqual(["scales", [4], DataType.FLOAT]);
    expect(scales && readNumbers(scales)).toEqual([1, 1, 2, 3]);
    for (const name of ["mixed", "computed", "stored"]) {
      expect(constantValue(graph, name)).toBeUndefined();
    }
  });

  test("an initializer behind Identity nodes keeps its own name", () => {
    const chain = [makeNode("Identity", ["w"], ["a"]), makeNode("Identity", ["a"], ["b"])];
    expect(constantValue(graphOf(chain, { initializers: ["w"] }), "b")?.name).toBe("w");
  });

  test("inputs, computed values and cycles are no constants", () => {
    const cycle = [makeNode("Identity", ["b"], ["a"]), makeNode("Identity", ["a"], ["b"])];
    const graph = graphOf([...cycle, makeNode("Relu", ["x"], ["r"])]);
    for (const name of ["x", "r", "a", "missing", ""]) {
      expect(constantValue(graph, name)).toBeUndefined();
    }
  });

  test("an initializer that is an input is a default from IR version 4 on", () => {
    const options = { initializers: ["w"], inputs: ["x", "w"] };
    const newer = graphOf([], { ...options, irVersion: 4 });
    const older = graphOf([], { ...options, irVersion: 3 });
    expect([isOverridable(newer, "w"), constantValue(newer, "w")]).toEqual([true, undefined]);
    expect([isOverridable(older, "w"), constantValue(older, "w")?.name]).toEqual([false, "w"]);
  });

  test("another shape or type is another tensor, named after the value", () => {
    const nodes = [
      makeNode("Constant", [], ["shape"], { attributes: { value_ints: { ints: [1, -1, 1] } } }),
      makeNode("Constant", [], ["c"], { attributes: { value_floats: { floats: [1, 2] } } }),
      makeNode("Reshape", ["c", "shape"], ["r"]),
      makeNode("Squeeze", ["r"], ["s"]),
      makeNode("Cast", ["r"], ["d"], { attributes: { to: { int: DataType.DOUBLE } } }),
      makeNode("Cast", ["c"], ["text"], { attributes: { to: { int: DataType.STRING } } }),
      makeNode("Reshape", ["c", "r"], ["odd"]),
    ];
    const graph = graphOf(nodes);
    const shown = (name: string) => {
      const tensor = constantValue(graph, name);
      return tensor && [tensor.name, tensor.dims, tensor.dataType, readNumbers(tensor)];
    };
    expect(shown("r")).toEqual(["r", [1, 2, 1], DataType.FLOAT, [1, 2]]);
    expect(shown("s")).toEqual(["s", [2], DataType.FLOAT, [1, 2]]);
    expect(shown("d")).toEqual(["d", [1, 2, 1], DataType.DOUBLE, [1, 2]]);
    expect([shown("text"), shown("odd")]).toEqual([undefined, undefined]);
  });

  test("a Reshape whose shape is put together from constants", () => {
    const ints = (name: string, values: number[]) =>
      makeNode("Constant", [], [name], { attributes: { value_ints: { ints: values } } });
    const graph = graphOf([
      ints("a", [1, 2]),
      ints("b", [-1]),
      makeNode("Concat", ["a", "b"], ["shape"], { attributes: { axis: { int: 0 } } }),
      makeNode("Concat", ["a", "x"], ["unknown"], { attributes: { axis: { int: 0 } } }),
      makeNode("Constant", [], ["c"], { attributes: { value_floats: { floats: [1, 2, 3, 4] } } }),
      makeNode("Reshape", ["c", "shape"], ["r"]),
      makeNode("Reshape", ["c", "unknown"], ["u"]),
    ]);
    expect(constantValue(graph, "r")?.dims).toEqual([1, 2, 2]);
    expect(constantValue(graph, "u")).toBeUndefined();
  });

  test("a Reshape whose shape is its own result has no value", () => {
    const graph = graphOf([makeNode("Reshape", ["w", "r"], ["r"])], { initializers: ["w"] });
    expect(constantValue(graph, "r")).toBeUndefined();
  });
});
