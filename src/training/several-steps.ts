import { create } from "@bufbuild/protobuf";
import { GraphProtoSchema, type NodeProto, type ValueInfoProto } from "onnx-buf";
import { GraphBuilder, makeNode, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { takenNames } from "../graph/edit.ts";
import type { Graph, ValueInfo } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { STEP_OPSET } from "../operators/operator.ts";
import { partFor } from "./forward-part.ts";
import type { StepGraph } from "./step-graph.ts";

/** The size of the dimension in which the steps of one run follow each other. */
const STEPS = "steps";

/**
 * Several training steps as one graph: a Loop whose body is the step, with the state carried from
 * each to the next. A step that is told in detail has to be run alone.
 */
export interface SeveralSteps {
  readonly graph: Graph;
  /** int64 scalar input: how many steps. */
  readonly count: string;
  /** By an input of the step that differs from step to step: the input that stacks those, [steps, …]. */
  readonly stacked: ReadonlyMap<string, string>;
  /** By a state's name: the input that it starts from and the output that it ends with. */
  readonly state: ReadonlyMap<string, { readonly before: string; readonly after: string }>;
  /** By an output of the step that each step gives: the output that stacks those, [steps, …]. */
  readonly results: ReadonlyMap<string, string>;
}

/**
 * What it is for: onnxruntime-node copies every output into fresh memory, the whole state with each
 * run. Constants stay outside of the body, which reads them from around it.
 */
export function buildSeveralSteps(step: StepGraph): SeveralSteps {
  const results = resultsOf(step);
  const part = stepWithoutDetails(step, results);
  const builder = new GraphBuilder(takenNames(step.graph));
  const iteration = builder.freshName("step_of_run");
  const going = builder.freshName("going");
  const stillGoing = builder.freshName("still_going");
  const stateNames = new Set(step.state.map(({ name }) => name));
  const each = part.inputs.filter(({ name }) => !stateNames.has(name));
  const stacked = new Map(each.map(({ name }) => [name, builder.freshName(`${name}_of_steps`)]));
  const body = create(GraphProtoSchema, {
    name: "one step",
    node: [
      makeNode("Identity", [going], [stillGoing]),
      ...[...stacked].map(([name, stack]) => makeNode("Gather", [stack, iteration], [name])),
      ...part.nodes,
    ] as NodeProto[],
    input: [
      makeValueInfo(iteration, DataType.INT64, []),
      makeValueInfo(going, DataType.BOOL, []),
      ...step.state.map(({ name, dims }) => makeValueInfo(name, DataType.FLOAT, dims)),
    ] as ValueInfoProto[],
    output: [
      makeValueInfo(stillGoing, DataType.BOOL, []),
      ...step.state.map(({ next, dims }) => makeValueInfo(next, DataType.FLOAT, dims)),
      ...results.map((name) => outputInfo(step.graph, name)),
    ] as ValueInfoProto[],
  });
  const count = builder.freshName("step_count");
  const state = new Map(
    step.state.map(({ name }) => [
      name,
      { before: builder.freshName(`${name}_before`), after: builder.freshName(`${name}_after`) },
    ]),
  );
  const stackedResults = new Map(
    results.map((name) => [name, builder.freshName(`${name}_of_steps`)]),
  );
  builder.nodes.push(
    makeNode(
      "Loop",
      [count, "", ...[...state.values()].map(({ before }) => before)],
      [...[...state.values()].map(({ after }) => after), ...stackedResults.values()],
      { name: "steps", attributes: { body: { graph: body } } },
    ),
  );
  const states = (end: "before" | "after") =>
    step.state.map(({ name, dims }) =>
      makeValueInfo(state.get(name)?.[end] ?? "", DataType.FLOAT, dims),
    );
  const inputs = [
    makeValueInfo(count, DataType.INT64, []),
    ...each.map((info) => stackOf(info, stacked.get(info.name) ?? "")),
    ...states("before"),
  ];
  const outputs = [
    ...states("after"),
    ...results.map((name) => stackOf(outputInfo(step.graph, name), stackedResults.get(name) ?? "")),
  ];
  for (const tensor of part.initializers.values()) builder.addInitializer(tensor);
  const graph = {
    ...builder.build("training steps", inputs, outputs, STEP_OPSET),
    opsets: step.graph.opsets,
  };
  return { graph, count, stacked, state, results: stackedResults };
}

/** What each step gives: loss, what was added to it, output and samples. */
function resultsOf({ loss, divergence, penalty, output, samples }: StepGraph): readonly string[] {
  return [
    ...new Set([
      loss,
      ...(divergence === undefined ? [] : [divergence.value]),
      ...(penalty === undefined ? [] : [penalty]),
      output,
      ...samples.map((sample) => sample.output),
    ]),
  ];
}

function stepWithoutDetails({ graph, details, state }: StepGraph, results: readonly string[]) {
  const nodes = graph.nodes.filter(({ output }) => output[0] !== details?.output);
  const inputs = graph.inputs.filter(({ name }) => name !== details?.due);
  return partFor({ ...graph, nodes, inputs }, [...state.map(({ next }) => next), ...results]);
}

function outputInfo(graph: Graph, name: string): ValueInfo {
  const info = graph.outputs.find((output) => output.name === name);
  if (info === undefined) throw new InputError(`the step has no output ${name}`);
  return info;
}

/** The same with the dimension of the steps in front. */
function stackOf(info: ValueInfo, name: string): ValueInfo {
  const type = info.type?.value;
  if (type?.case !== "tensorType") throw new InputError(`${info.name} is not a tensor`);
  const dims = type.value.shape?.dim.map(({ value }) => Number(value.value)) ?? [];
  return makeValueInfo(name, type.value.elemType, [STEPS, ...dims]);
}
