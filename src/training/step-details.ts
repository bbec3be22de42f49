import { create } from "@bufbuild/protobuf";
import { GraphProtoSchema, type NodeProto, type ValueInfoProto } from "onnx-buf";
import { type GraphBuilder, makeNode, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { float32Tensor } from "../graph/tensor.ts";
import { rangeOf } from "../operators/shape-algebra.ts";
import type { DeadWhen } from "../statistics/activation-statistics.ts";
import { wholeSum } from "./whole-sums.ts";

/** A gradient by its parameter, of which the norm is taken. */
export interface DetailedGradient {
  readonly parameter: string;
  /** Value of the step graph. */
  readonly gradient: string;
  readonly rank: number;
}

/** A parameter by the values of the step graph that it is before and after the step. */
export interface DetailedUpdate {
  readonly before: string;
  readonly after: string;
  /** The parameter's own; both values may have another shape of as many numbers. */
  readonly dims: readonly number[];
}

/** A watched value whose dead units are counted. */
export interface DetailedValue {
  readonly name: string;
  /** Value of the step graph, [samples, units, …]. */
  readonly value: string;
  readonly rank: number;
  readonly deadWhen: DeadWhen;
}

/** What the step graph computes only where it is asked to. */
export interface StepDetails {
  /** The boolean scalar input that asks. */
  readonly due: string;
  /**
   * float32[parameters + values + 2·named]: Σg² by parameter, the share of dead units by value, then
   * Σ(w′ − w)² by named parameter, and Σw² likewise; w is before the step and w′ after it.
   */
  readonly output: string;
  readonly parameters: readonly string[];
  readonly values: readonly string[];
  /** The parameters whose own change is told. */
  readonly named: readonly string[];
}

/** Numbers in the output. */
export function detailCount({ parameters, values, named }: Omit<StepDetails, "due">): number {
  return parameters.length + values.length + 2 * named.length;
}

/** What details are told of. */
export interface DetailedParts {
  readonly gradients: readonly DetailedGradient[];
  readonly values: readonly DetailedValue[];
  /** By named parameter. */
  readonly updates: ReadonlyMap<string, DetailedUpdate>;
}

/**
 * Norms, changes and dead units in a branch of the graph: ONNX Runtime computes every output of a graph,
 * fetched or not, but of an If only the branch that is asked for.
 *
 * @returns undefined where there is nothing to tell.
 */
export function addDetails(
  builder: GraphBuilder,
  { gradients, values, updates }: DetailedParts,
): StepDetails | undefined {
  const told = {
    output: builder.freshName("details"),
    parameters: gradients.map(({ parameter }) => parameter),
    values: values.map(({ name }) => name),
    named: [...updates.keys()],
  };
  const count = detailCount(told);
  if (count === 0) return undefined;
  const due = builder.freshName("details_due");
  const taken = branch(builder, "details_taken", count, () => {
    const numbers = [
      ...gradients.map(({ gradient, rank }) =>
        wholeSum(builder, "ReduceSumSquare", gradient, rank),
      ),
      ...values.map((value) => deadShare(builder, value)),
      ...[...updates.values()].map(({ before, after, dims }) =>
        sumOfSquares(builder, builder.add("Sub", [after, before]), dims),
      ),
      ...[...updates.values()].map(({ before, dims }) => sumOfSquares(builder, before, dims)),
    ];
    const parts = numbers.map((number) => builder.add("Reshape", [number, builder.ints([1])]));
    return builder.add("Concat", parts, { attributes: { axis: { int: 0 } } });
  });
  const zeros = builder.addInitializer(
    float32Tensor(builder.freshName("no_details"), [count], new Float32Array(count)),
  );
  const left = branch(builder, "details_left", count, () => builder.add("Identity", [zeros]));
  const attributes = { then_branch: { graph: taken }, else_branch: { graph: left } };
  builder.nodes.push(makeNode("If", [due], [told.output], { name: told.output, attributes }));
  return { due, ...told };
}

/** A scalar. @param dims the shape by which the sum is divided into smaller ones. */
function sumOfSquares(builder: GraphBuilder, value: string, dims: readonly number[]): string {
  const shaped = builder.add("Reshape", [value, builder.ints(dims)]);
  return wholeSum(builder, "ReduceSumSquare", shaped, dims.length);
}

/**
 * A scalar: the share of units none of whose values, over samples and positions, is alive. Behind a
 * largest value that is not positive no value passes a ReLU; behind a largest |x| of 0 all are 0.
 */
function deadShare(builder: GraphBuilder, { value, rank, deadWhen }: DetailedValue): string {
  const numbers = deadWhen === "zero" ? builder.add("Abs", [value]) : value;
  const axes = rangeOf(rank).filter((axis) => axis !== 1);
  const flat = { attributes: { keepdims: { int: 0 } } };
  const largest = builder.add("ReduceMax", [numbers, builder.ints(axes)], flat);
  const dead = builder.add("LessOrEqual", [largest, builder.scalar(0)]);
  const counted = builder.add("Cast", [dead], { attributes: { to: { int: DataType.FLOAT } } });
  return builder.add("ReduceMean", [counted], flat);
}

/** What `compute` adds, as a subgraph; it reads values and constants of the graph around it. */
function branch(builder: GraphBuilder, name: string, count: number, compute: () => string) {
  const before = builder.nodes.length;
  const output = compute();
  return create(GraphProtoSchema, {
    name,
    node: builder.nodes.splice(before) as NodeProto[],
    output: [makeValueInfo(output, DataType.FLOAT, [count]) as ValueInfoProto],
  });
}
