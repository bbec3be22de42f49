import type { GraphBuilder } from "../graph/builder.ts";
import { constantValue } from "../graph/constants.ts";
import type { Graph } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import type { Tensor } from "../graph/tensor.ts";

/**
 * Names of the model's values in the step graph. Inputs and initializers keep theirs; constants
 * that somebody reads are remembered, to be copied once it is known which initializers are states.
 */
export class StepNames {
  readonly #graph: Graph;
  readonly #parameters: ReadonlySet<string>;
  readonly #names = new Map<string, string>();
  readonly #leftOut = new Map<string, string>();
  readonly #constants = new Map<string, Tensor>();

  constructor(builder: GraphBuilder, graph: Graph, parameters: readonly string[]) {
    this.#graph = graph;
    this.#parameters = new Set(parameters);
    // Reserved, so that no value of ours takes the name of an initializer that is copied later.
    for (const name of graph.initializers.keys()) builder.freshName(name);
    for (const input of graph.inputs) builder.freshName(input.name);
  }

  /** The step graph's name of a value that a node makes. */
  define(value: string, stepName: string): void {
    this.#names.set(value, stepName);
  }

  /** Values that are not in the step graph, and the sentence that says why. */
  leaveOut(values: readonly string[], reason: string): void {
    for (const value of values) this.#leftOut.set(value, reason);
  }

  /** @throws InputError when the value cannot be part of a training step. */
  resolve(value: string): string {
    const known = this.#names.get(value);
    if (value === "" || known !== undefined) return known ?? "";
    const constant = this.constant(value);
    if (constant !== undefined) {
      // Identity nodes between are skipped: constants and states are read under their own name.
      this.#constants.set(constant.name, constant);
      return constant.name;
    }
    const source = indexOf(this.#graph).isInput(value) || this.#graph.initializers.has(value);
    if (!source) {
      throw new InputError(this.#leftOut.get(value) ?? `value ${value}: the model has none such`);
    }
    return value;
  }

  /** The value of something that stays the same throughout training. */
  constant(value: string): Tensor | undefined {
    const tensor = constantValue(this.#graph, value) ?? this.#graph.initializers.get(value);
    return tensor === undefined || this.#parameters.has(tensor.name) ? undefined : tensor;
  }

  /** The initializer that a state's input reads, through Identity nodes. */
  stateOf(value: string): string {
    const stored = constantValue(this.#graph, value)?.name ?? value;
    if (!this.#graph.initializers.has(stored)) {
      throw new InputError(`value ${value}: a running statistic must be stored in the model`);
    }
    return stored;
  }

  /** Constants that were read, states among them. */
  constants(): Iterable<Tensor> {
    return this.#constants.values();
  }
}
