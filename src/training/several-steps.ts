import { create } from "@bufbuild/protobuf";
import { type GraphProto, GraphProtoSchema, type NodeProto, type ValueInfoProto } from "onnx-buf";
import { GraphBuilder, makeNode, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { takenNames } from "../graph/edit.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { STEP_OPSET } from "../operators/operator.ts";
import { partFor } from "./forward-part.ts";
import type { StepGraph } from "./step-graph.ts";

/** The size of the dimension in which the steps of one run follow each other. */
const STEPS = "steps";

/**
 * Several training steps as one graph: a Loop whose body is the step, with the state carried from
 * each to the next.
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
  const part = partFor(step.graph, [...step.state.map(({ next }) => next), ...results]);
  const builder = new GraphBuilder(takenNames(step.graph));
  const fresh = (names: readonly string[], end: string) =>
    new Map(names.map((name) => [name, builder.freshName(`${name}_${end}`)] as const));
  const stateNames = step.state.map(({ name }) => name);
  const stateInputs = new Set(step.state.map(({ input }) => input));
  const each = part.inputs.filter(({ name }) => !stateInputs.has(name));
  const stacked = fresh(
    each.map(({ name }) => name),
    "of_steps",
  );
  const stackedResults = fresh(results, "of_steps");
  const [before, after] = [fresh(stateNames, "before"), fresh(stateNames, "after")];
  const count = builder.freshName("step_count");
  const body = bodyOf(step, { builder, nodes: part.nodes, stacked, results });
  builder.nodes.push(
    makeNode(
      "Loop",
      [count, "", ...before.values()],
      [...after.values(), ...stackedResults.values()],
      { name: "steps", attributes: { body: { graph: body } } },
    ),
  );
  const states = (names: ReadonlyMap<string, string>) =>
    step.state.map(({ name, dims }) => floats(names.get(name) as string, dims));
  const inputs = [
    makeValueInfo(count, DataType.INT64, []),
    ...each.map((info) => stackOf(info, stacked.get(info.name) as string)),
    ...states(before),
  ];
  const stacks = results.map((name) =>
    stackOf(outputInfo(step.graph, name), stackedResults.get(name) as string),
  );
  for (const tensor of part.initializers.values()) builder.addInitializer(tensor);
  const built = builder.build("training steps", inputs, [...states(after), ...stacks], STEP_OPSET);
  return {
    // ONNX Runtime's own operators stand in the body, where the builder does not see them.
    graph: { ...built, opsets: step.graph.opsets },
    count,
    stacked,
    state: new Map(
      stateNames.map((name) => [
        name,
        { before: before.get(name) as string, after: after.get(name) as string },
      ]),
    ),
    results: stackedResults,
  };
}

/** One step: what differs from step to step is gathered from the stacks by the step's number. */
function bodyOf(
  step: StepGraph,
  parts: {
    readonly builder: GraphBuilder;
    readonly nodes: readonly Node[];
    readonly stacked: ReadonlyMap<string, string>;
    readonly results: readonly string[];
  },
): GraphProto {
  const { builder, nodes, stacked, results } = parts;
  const iteration = builder.freshName("step_of_run");
  const going = builder.freshName("going");
  const stillGoing = builder.freshName("still_going");
  const gathered = [...stacked].map(([name, stack]) =>
    makeNode("Gather", [stack, iteration], [name]),
  );
  return create(GraphProtoSchema, {
    name: "one step",
    node: [makeNode("Identity", [going], [stillGoing]), ...gathered, ...nodes] as NodeProto[],
    input: [
      makeValueInfo(iteration, DataType.INT64, []),
      makeValueInfo(going, DataType.BOOL, []),
      ...step.state.map(({ input, dims }) => floats(input, dims)),
    ] as ValueInfoProto[],
    output: [
      makeValueInfo(stillGoing, DataType.BOOL, []),
      ...step.state.map(({ next, dims }) => floats(next, dims)),
      ...results.map((name) => outputInfo(step.graph, name)),
    ] as ValueInfoProto[],
  });
}

function floats(name: string, dims: readonly number[]): ValueInfo {
  return makeValueInfo(name, DataType.FLOAT, dims);
}

/** What each step gives: loss, what was added to it, output, and what is observed. */
function resultsOf(step: StepGraph): readonly string[] {
  const { loss, divergence, penalty, output, observation } = step;
  return [
    ...new Set([
      loss,
      ...(divergence === undefined ? [] : [divergence.value]),
      ...(penalty === undefined ? [] : [penalty]),
      output,
      ...(observation === undefined ? [] : [observation.output]),
    ]),
  ];
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
