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
  /** float32[parameters + values]: Σg² by parameter, then the share of dead units by value. */
  readonly output: string;
  readonly parameters: readonly string[];
  readonly values: readonly string[];
}

/** Numbers in the output. */
export function detailCount({ parameters, values }: StepDetails): number {
  return parameters.length + values.length;
}

/**
 * Norms and dead units in a branch of the graph: ONNX Runtime computes every output of a graph,
 * fetched or not, but of an If only the branch that is asked for.
 *
 * @returns undefined where there is nothing to tell.
 */
export function addDetails(
  builder: GraphBuilder,
  gradients: readonly DetailedGradient[],
  values: readonly DetailedValue[],
): StepDetails | undefined {
  const count = gradients.length + values.length;
  if (count === 0) return undefined;
  const due = builder.freshName("details_due");
  const taken = branch(builder, "details_taken", count, () => {
    const numbers = [
      ...gradients.map(({ gradient, rank }) =>
        wholeSum(builder, "ReduceSumSquare", gradient, rank),
      ),
      ...values.map((value) => deadShare(builder, value)),
    ];
    const parts = numbers.map((number) => builder.add("Reshape", [number, builder.ints([1])]));
    return builder.add("Concat", parts, { attributes: { axis: { int: 0 } } });
  });
  const zeros = builder.addInitializer(
    float32Tensor(builder.freshName("no_details"), [count], new Float32Array(count)),
  );
  const left = branch(builder, "details_left", count, () => builder.add("Identity", [zeros]));
  const output = builder.freshName("details");
  const attributes = { then_branch: { graph: taken }, else_branch: { graph: left } };
  builder.nodes.push(makeNode("If", [due], [output], { name: output, attributes }));
  return {
    due,
    output,
    parameters: gradients.map(({ parameter }) => parameter),
    values: values.map(({ name }) => name),
  };
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
