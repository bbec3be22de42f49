import { constantValue } from "../graph/constants.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { isTrainable } from "../graph/held-layer.ts";
import { InputError } from "../graph/input-error.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { usesBatchStatistics } from "./check-batch-statistics.ts";
import type { Parameter } from "./parameters.ts";

type FrozenConfig = Pick<TrainingConfig, "frozen" | "fromModel">;

/** What of a model a run trains. */
export interface FrozenParts {
  /** In the order they came, without the frozen ones. */
  readonly trained: readonly Parameter[];
  /**
   * The normalizations that normalize with their stored statistics, as at inference, and keep them:
   * by the name of their first output.
   */
  readonly normalizations: ReadonlySet<string>;
}

/**
 * Divides a model by the names in config.frozen, of parameters or of layers, where a star stands for any
 * characters, and by what its layers say of themselves (trainable: false). What is frozen gets no gradient and no update, and it keeps the numbers in the file also
 * where the rest starts fresh, so that a head can be trained on a body that has learned.
 *
 * A normalization is frozen by its own name or with its scale, shift or statistics; with
 * frozen.updateStatistics it still goes by the batch and updates what it keeps. One that is not
 * trainable never does, as in Keras (keras/src/layers/normalization/batch_normalization.py).
 */
export function frozenParts(
  graph: Graph,
  parameters: readonly Parameter[],
  { frozen: { names, updateStatistics }, fromModel }: FrozenConfig,
): FrozenParts {
  const matches = nameMatcher(names);
  const isHeld = (node: Node) => fromModel.trainable && !isTrainable(node);
  const frozen = (parameter: Parameter) =>
    isHeld(parameter.node) || parameterNames(parameter).some(matches);
  const keeps = (node: Node) =>
    isHeld(node) || (!updateStatistics && normalizationNames(graph, node).some(matches));
  const normalizations = graph.nodes.filter((node) => usesBatchStatistics(node) && keeps(node));
  return {
    trained: parameters.filter((parameter) => !frozen(parameter)),
    normalizations: new Set(normalizations.map((node) => node.output[0] ?? "")),
  };
}

/** @throws InputError for a name that nothing has, and where nothing is left to train. */
export function checkFrozen(
  graph: Graph,
  parameters: readonly Parameter[],
  config: FrozenConfig,
): void {
  const known = [
    ...parameters.flatMap(parameterNames),
    ...graph.nodes.filter(usesBatchStatistics).flatMap((node) => normalizationNames(graph, node)),
  ];
  const { names } = config.frozen;
  for (const name of names) {
    if (!known.some(nameMatcher([name]))) {
      throw new InputError(
        `frozen.names: "${name}" matches no parameter and no layer with parameters; there are ${parameters
          .slice(0, 3)
          .map((parameter) => parameter.name)
          .join(", ")}, …`,
      );
    }
  }
  if (parameters.length === 0 || frozenParts(graph, parameters, config).trained.length > 0) return;
  throw new InputError(
    names.length > 0
      ? "frozen.names: every parameter is frozen; nothing is left to train"
      : "fromModel.trainable: every layer of the model is not trainable; with false they are trained all the same",
  );
}

function parameterNames({ name, node }: Parameter): readonly string[] {
  return [name, layerName(node)];
}

function normalizationNames(graph: Graph, node: Node): readonly string[] {
  const stored = node.input.slice(1).map((input) => constantValue(graph, input)?.name ?? "");
  return [layerName(node), ...stored].filter((name) => name !== "");
}

function layerName(node: Node): string {
  return node.name === "" ? (node.output[0] ?? "") : node.name;
}

/** Whether a name is one of the patterns, in which a star stands for any characters. */
export function nameMatcher(patterns: readonly string[]): (name: string) => boolean {
  const forms = patterns.map((pattern) => pattern.split("*"));
  return (name) => forms.some((parts) => fits(name, parts));
}

/** Whether the text is the parts in their order with anything between them. */
function fits(name: string, parts: readonly string[]): boolean {
  const [first = "", ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (name.length < first.length + last.length) return false;
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  const end = name.length - last.length;
  let position = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, position);
    if (found < 0 || found + part.length > end) return false;
    position = found + part.length;
  }
  return true;
}
