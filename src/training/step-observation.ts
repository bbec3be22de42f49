import { create } from "@bufbuild/protobuf";
import { GraphProtoSchema, type NodeProto, type ValueInfoProto } from "onnx-buf";
import { type GraphBuilder, makeNode, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { float32Tensor } from "../graph/tensor.ts";
import { rangeOf } from "../operators/shape-algebra.ts";
import type { DeadWhen } from "../statistics/activation-statistics.ts";
import { addSample, type WatchedSample, watchedSample } from "./watched-sample.ts";
import { wholeSum } from "./whole-sums.ts";

/** A gradient by its parameter, of which the norm is taken. */
export interface ObservedGradient {
  readonly parameter: string;
  /** Value of the step graph. */
  readonly gradient: string;
  readonly rank: number;
}

/** A parameter by the values of the step graph that it is before and after the step. */
export interface ObservedUpdate {
  readonly before: string;
  readonly after: string;
  /** The parameter's own; both values may have another shape of as many numbers. */
  readonly dims: readonly number[];
}

/** A watched value, of which a sample is taken. */
export interface ObservedValue {
  readonly name: string;
  /** Value of the step graph, [samples, units, …]. */
  readonly value: string;
  readonly shape: readonly number[];
  readonly deadWhen: DeadWhen;
}

/** What is looked at. */
export interface ObservedParts {
  readonly values: readonly ObservedValue[];
  readonly gradients: readonly ObservedGradient[];
  /** By named parameter. */
  readonly updates: ReadonlyMap<string, ObservedUpdate>;
}

/** What the step graph computes only where it is asked to. */
export interface StepObservation {
  /** The boolean scalar input that asks. */
  readonly due: string;
  /**
   * float32[count]: Σg² by parameter, the share of dead units by value, Σ(w′ − w)² by named parameter
   * and Σw² likewise, w before the step and w′ after it; then the samples, one after the other.
   */
  readonly output: string;
  readonly count: number;
  readonly parameters: readonly string[];
  readonly values: readonly string[];
  /** The parameters whose own change is told. */
  readonly named: readonly string[];
  readonly samples: readonly WatchedSample[];
}

/**
 * Samples, norms, changes and dead units in a branch of the graph: ONNX Runtime computes every output
 * of a graph, fetched or not, but of an If only the branch that is asked for. They are one output,
 * since each further one costs every step.
 *
 * @returns undefined where there is nothing to look at.
 */
export function addObservation(
  builder: GraphBuilder,
  { values, gradients, updates }: ObservedParts,
): StepObservation | undefined {
  if (values.length === 0 && gradients.length === 0) return undefined;
  const due = builder.freshName("observation_due");
  const output = builder.freshName("observation");
  const samples = values.map(({ name, shape }) => watchedSample(name, shape));
  const named = [...updates.keys()];
  const single = gradients.length + values.length + 2 * named.length;
  const count = samples.reduce((sum, sample) => sum + sample.count, single);
  const taken = branch(builder, "observation_taken", count, () => {
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
    const parts = [
      ...numbers.map((number) => builder.add("Reshape", [number, builder.ints([1])])),
      ...samples.map((sample, index) =>
        addSample(builder, sample, (values[index] as ObservedValue).value),
      ),
    ];
    return builder.add("Concat", parts, { attributes: { axis: { int: 0 } } });
  });
  const zeros = builder.addInitializer(
    float32Tensor(builder.freshName("no_observation"), [count], new Float32Array(count)),
  );
  const left = branch(builder, "observation_left", count, () => builder.add("Identity", [zeros]));
  const attributes = { then_branch: { graph: taken }, else_branch: { graph: left } };
  builder.nodes.push(makeNode("If", [due], [output], { name: output, attributes }));
  return {
    due,
    output,
    count,
    parameters: gradients.map(({ parameter }) => parameter),
    values: values.map(({ name }) => name),
    named,
    samples,
  };
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
function deadShare(builder: GraphBuilder, { value, shape, deadWhen }: ObservedValue): string {
  const numbers = deadWhen === "zero" ? builder.add("Abs", [value]) : value;
  const axes = rangeOf(shape.length).filter((axis) => axis !== 1);
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
