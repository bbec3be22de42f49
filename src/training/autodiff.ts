import type { GraphBuilder } from "../graph/builder.ts";
import { DataType, dataTypeName } from "../graph/data-type.ts";
import { type Graph, type Node, STANDARD_DOMAIN, standardOpset } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import type { ConvRecipes } from "../operators/conv-recipe.ts";
import { PLAIN_RECIPES } from "../operators/conv-recipes.ts";
import { copyNode, sumToShape, zeros } from "../operators/emit.ts";
import { inferShapes, inferTypes, TypeInference } from "../operators/infer-shapes.ts";
import {
  type ForwardMode,
  type GradientContext,
  type OperatorRule,
  STEP_OPSET,
  type TrainingForwardOptions,
  type ValueType,
} from "../operators/operator.ts";
import { trainingRule } from "../operators/role-rules.ts";
import { broadcastShapes, staticShape } from "../operators/shape-algebra.ts";
import { StepNames } from "./autodiff-names.ts";
import { ancestorsOfOutputs, dependents } from "./autodiff-path.ts";
import { variationalForm } from "./variational-form.ts";

/*
 * Reverse-mode differentiation of ONNX graphs. The caller makes a builder, lets addTrainingForward
 * copy the model into it, adds a loss, and gets the gradient of each parameter from addGradients.
 * The graph is built with operator set STEP_OPSET.
 */

/** Attributes such as Add's broadcast axis, gone since this version, are not understood. */
const OLDEST_OPSET = 7;

/** What the forward pass of a training step leaves behind for the gradients and the caller. */
export interface ForwardTrace {
  /**
   * States such as running means: initializers of the model that the caller declares as inputs of
   * the step graph, and the values that replace them after the step. A state appears once.
   */
  readonly stateUpdates: readonly { readonly parameter: string; readonly next: string }[];
  /**
   * The step graph's name of a value of the model. Inputs, parameters and states keep theirs.
   *
   * @throws InputError when the value could not be made part of the step graph.
   */
  value(name: string): string;
  /** Type and static shape of a value of the model, as far as known. */
  type(name: string): ValueType | undefined;
  /** For addGradients. */
  readonly record: TraceRecord;
}

interface TraceRecord {
  readonly graph: Graph;
  readonly mode: ForwardMode;
  readonly convolutions: ConvRecipes;
  readonly traced: readonly TracedNode[];
  readonly types: TypeInference;
  /** The scalar input that differs from step to step. */
  readonly step?: string;
}

/** A node of the model as it stands in the step graph. */
interface TracedNode {
  readonly node: Node;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly mode: ForwardMode;
  /** What its training forward kept for its gradient. */
  readonly saved: ReadonlyMap<string, string>;
}

/** Nodes between a parameter and an output that have no gradient rule, in node order. */
export function missingGradientRules(
  graph: Graph,
  parameters: readonly string[],
): readonly { readonly node: string; readonly opType: string }[] {
  const dependent = dependents(graph, parameters, inferShapes(graph));
  const needed = ancestorsOfOutputs(graph);
  const onPath = (node: Node) =>
    node.input.some((input) => dependent.has(input)) &&
    node.output.some((output) => dependent.has(output) && needed.has(output));
  return graph.nodes
    .filter((node) => onPath(node) && ruleOf(node)?.gradient === undefined)
    .map((node) => ({ node: nodeLabel(node), opType: node.opType }));
}

/**
 * Copies the model into the builder as it computes while training: batch statistics, dropout
 * masks, and older forms of operators brought up to STEP_OPSET. Nodes that cannot be part of a
 * step graph (other domains, bodies) are left out; only who asks for their values hears of it.
 *
 * @param bindings sizes of the model's named dimensions; the step graph is static.
 */
export function addTrainingForward(
  builder: GraphBuilder,
  model: Graph,
  bindings: ReadonlyMap<string, number>,
  options: TrainingForwardOptions,
): ForwardTrace {
  const graph = options.mode === "inference" ? model : variationalForm(model);
  const opset = standardOpset(graph);
  if (opset < OLDEST_OPSET) {
    throw new InputError(
      `the model uses operator set ${opset}; training reads ${OLDEST_OPSET} and newer`,
    );
  }
  const names = new StepNames(builder, graph, options.parameters);
  const types = inferTypes(graph, bindings);
  const states = new Map<string, string>();
  const traced: TracedNode[] = [];
  const convolutions = options.convolutions ?? PLAIN_RECIPES;
  for (const node of graph.nodes) {
    const trace = traceNode(builder, names, node, options);
    if (trace === undefined) continue;
    traced.push(trace);
    const forward = ruleOf(node)?.trainingForward;
    if (forward === undefined) {
      copyNode(builder, node, trace.inputs, trace.outputs);
      continue;
    }
    forward({
      ...modelContext(builder, types, trace, opset),
      mode: trace.mode,
      convolutions,
      options: { ...options, mode: trace.mode },
      save: (name, value) => trace.saved.set(name, value),
      updateState: (input, next) => {
        const state = names.stateOf(node.input[input] ?? "");
        states.set(state, next(states.get(state) ?? state));
      },
    });
  }
  for (const tensor of names.constants()) {
    if (!states.has(tensor.name)) builder.addInitializer(tensor);
  }
  return {
    stateUpdates: [...states].map(([parameter, next]) => ({ parameter, next })),
    value: (name) => names.resolve(name),
    type: (name) => types.types.get(name),
    record: {
      graph,
      mode: options.mode ?? "training",
      convolutions,
      traced,
      types,
      ...(options.step === undefined ? {} : { step: options.step }),
    },
  };
}

/** Names a node and its outputs in the step graph; undefined where it cannot be copied. */
function traceNode(
  builder: GraphBuilder,
  names: StepNames,
  node: Node,
  options: TrainingForwardOptions,
): (TracedNode & { readonly saved: Map<string, string> }) | undefined {
  const inputs = stepInputs(names, node);
  if (inputs === undefined) return undefined;
  const outputs = node.output.map((output) => (output === "" ? "" : builder.freshName(output)));
  for (const [index, output] of node.output.entries()) names.define(output, outputs[index] ?? "");
  const mode = options.isFrozen?.(node) === true ? "inference" : (options.mode ?? "training");
  return { node, inputs, outputs, saved: new Map(), mode };
}

/** Step names of a node's inputs; undefined, with the reason kept, where it cannot be copied. */
function stepInputs(names: StepNames, node: Node): string[] | undefined {
  const label = `node ${nodeLabel(node)}`;
  const body = node.attribute.some(({ g, graphs }) => g !== undefined || graphs.length > 0);
  if (isConstantNode(names, node)) return undefined;
  if (ruleOf(node) === undefined && node.domain !== STANDARD_DOMAIN) {
    names.leaveOut(node.output, `${label}: training does not know ${node.domain}.${node.opType}`);
    return undefined;
  }
  if (body) {
    names.leaveOut(node.output, `${label}: ${node.opType} with a body cannot be trained through`);
    return undefined;
  }
  try {
    return node.input.map((input) => names.resolve(input));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    names.leaveOut(node.output, error.message);
    return undefined;
  }
}

/** Constants are read under their own name and copied with the other constants. */
function isConstantNode(names: StepNames, node: Node): boolean {
  return node.input.length === 0 && names.constant(node.output[0] ?? "") !== undefined;
}

/**
 * Adds the gradient of Σ_v seed(v)·v with respect to each parameter. Only nodes on a path from a
 * parameter to a seed are differentiated; where a value is read several times its gradients are
 * added, and where it was broadcast they are summed back to its shape.
 *
 * @param seeds gradient of the loss (a step graph value) by name of a value of the model.
 * @param parameters names of initializers or inputs of the model.
 * @returns name of the gradient by parameter; zeros for a parameter that no seed depends on.
 * @throws InputError that names the operator and the node where a gradient rule is missing.
 */
export function addGradients(
  builder: GraphBuilder,
  trace: ForwardTrace,
  seeds: ReadonlyMap<string, string>,
  parameters: readonly string[],
): ReadonlyMap<string, string> {
  const { graph, traced, types } = trace.record;
  for (const parameter of parameters) requireFloat32(parameter, trace.type(parameter));
  const dependent = dependents(graph, parameters, types.types);
  const gradients = new GradientSums(builder, trace);
  for (const [value, seed] of seeds) gradients.seed(value, seed);

  for (const step of [...traced].reverse()) {
    const { node } = step;
    if (!node.input.some((input) => dependent.has(input))) continue;
    const outputGradients = node.output.map((output) => gradients.total(output));
    if (outputGradients.every((gradient) => gradient === undefined)) continue;
    const rule = ruleOf(node)?.gradient;
    if (rule === undefined) {
      throw new InputError(`node ${nodeLabel(node)}: ${node.opType} has no gradient rule`);
    }
    const context: GradientContext = {
      ...modelContext(builder, types, step, standardOpset(graph)),
      mode: step.mode,
      convolutions: trace.record.convolutions,
      needs: (index) => dependent.has(node.input[index] ?? ""),
      saved: (name) => step.saved.get(name) ?? missing(node, `saved value ${name}`),
    };
    const inputGradients = rule(context, outputGradients);
    for (const [index, gradient] of inputGradients.entries()) {
      if (gradient === undefined) continue;
      if (!context.needs(index)) missing(node, `use for a gradient of input ${index}`);
      gradients.add(node, node.input[index] ?? "", gradient);
    }
  }
  return new Map(
    parameters.map((parameter) => [
      parameter,
      gradients.total(parameter) ?? zeros(builder, gradients.shapeOf(parameter)),
    ]),
  );
}

/** Gradients by value of the model: parts as they come in, summed when they are asked for. */
class GradientSums {
  readonly #builder: GraphBuilder;
  readonly #trace: ForwardTrace;
  readonly #parts = new Map<string, string[]>();
  /** Follows the step graph, to see what shape a gradient has. */
  readonly #step: TypeInference;
  #visited = 0;

  constructor(builder: GraphBuilder, trace: ForwardTrace) {
    const { graph, traced, types, step } = trace.record;
    this.#builder = builder;
    this.#trace = trace;
    const opsets = new Map([...graph.opsets, [STANDARD_DOMAIN, STEP_OPSET] as const]);
    this.#step = new TypeInference(opsets, (name) => builder.initializers.get(name));
    if (step !== undefined) this.#step.declare(step, { dataType: DataType.UINT32, shape: [] });
    for (const name of [...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name)]) {
      const type = types.types.get(name);
      if (type !== undefined) this.#step.declare(name, type);
    }
    for (const { node, outputs } of traced) {
      for (const [index, output] of node.output.entries()) {
        const type = types.types.get(output);
        if (type !== undefined) this.#step.declare(outputs[index] ?? "", type);
      }
    }
  }

  seed(value: string, gradient: string): void {
    this.#step.declare(gradient, { dataType: DataType.FLOAT, shape: this.shapeOf(value) });
    this.#append(value, gradient);
  }

  /** Takes what a gradient rule returned, summed back to the value's shape if it was broadcast. */
  add(node: Node, value: string, gradient: string): void {
    this.#follow();
    const expected = this.shapeOf(value);
    const actual = staticShape(this.#step.type(gradient)?.shape ?? ["unknown"]);
    const fits = actual !== undefined && sameShape(broadcastShapes(actual, expected), actual);
    if (!fits) {
      missing(node, `gradient of shape [${expected}] for ${value}, but one of [${actual}]`);
    }
    this.#append(
      value,
      sameShape(actual, expected)
        ? gradient
        : sumToShape(this.#builder, gradient, actual, expected),
    );
  }

  total(value: string): string | undefined {
    const parts = this.#parts.get(value);
    if (parts === undefined || value === "") return undefined;
    if (parts.length > 1) {
      const sum = this.#builder.add(parts.length === 2 ? "Add" : "Sum", parts);
      this.#parts.set(value, [sum]);
    }
    return this.#parts.get(value)?.[0];
  }

  shapeOf(value: string): readonly number[] {
    return requireStatic(value, this.#trace.type(value));
  }

  #append(value: string, gradient: string): void {
    const parts = this.#parts.get(value);
    if (parts === undefined) this.#parts.set(value, [gradient]);
    else parts.push(gradient);
  }

  #follow(): void {
    const { nodes } = this.#builder;
    for (; this.#visited < nodes.length; this.#visited++) {
      this.#step.visit(nodes[this.#visited] as Node);
    }
  }
}

/** What forward and gradient rules both see: the model's node, its shapes and constants. */
function modelContext(
  builder: GraphBuilder,
  types: TypeInference,
  step: TracedNode,
  opset: number,
) {
  const { node, inputs, outputs } = step;
  const shape = (value: string | undefined) =>
    requireStatic(value ?? "", types.types.get(value ?? ""));
  return {
    builder,
    node,
    opset,
    inputs,
    outputs,
    inputShape: (index: number) => shape(node.input[index]),
    outputShape: (index: number) => shape(node.output[index]),
    constant: (index: number) => types.constant(node.input[index] ?? ""),
    elements: (index: number) => {
      const elements = types.elements(node.input[index] ?? "");
      return elements === undefined ? undefined : staticShape(elements);
    },
  };
}

function requireStatic(value: string, type: ValueType | undefined): readonly number[] {
  const shape = type === undefined ? undefined : staticShape(type.shape);
  if (shape !== undefined) return shape;
  const known = type === undefined ? "unknown" : `[${type.shape.join(", ")}]`;
  throw new InputError(`value ${value}: training needs its size in numbers, but it is ${known}`);
}

function requireFloat32(parameter: string, type: ValueType | undefined): void {
  if (type !== undefined && type.dataType !== DataType.FLOAT) {
    throw new InputError(
      `parameter ${parameter}: training needs float32, but it is ${dataTypeName(type.dataType)}`,
    );
  }
}

function ruleOf(node: Node): OperatorRule | undefined {
  return trainingRule(node);
}

/** The name that messages use: the node's own, or its first output's. */
function nodeLabel(node: Node): string {
  return node.name !== "" ? node.name : (node.output[0] ?? "");
}

function sameShape(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((size, axis) => size === right[axis]);
}

/** A rule that does not keep its contract is our mistake, not the user's. */
function missing(node: Node, what: string): never {
  throw new Error(`gradient rule of ${node.opType} (${nodeLabel(node)}): no ${what}`);
}
