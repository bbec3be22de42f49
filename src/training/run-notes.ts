import type { Graph } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import type { Parameter } from "./parameters.ts";

/** Most parameters that a sentence names before it only counts the rest. */
const NAMED = 3;

/** The operators whose scale and shift a decay is not meant for. */
const NORMALIZATIONS: ReadonlySet<string> = new Set([
  ..."BatchNormalization InstanceNormalization LayerNormalization GroupNormalization".split(" "),
]);

/**
 * What a run's options do to this model that nobody may have meant, in a sentence each. They are
 * allowed, hence no refusal of checkConfig, which does not know the model; and they are of the run,
 * hence no finding, which does not know the options. The start event has both, and the record keeps it.
 */
export function runNotes(
  graph: Graph,
  parameters: readonly Parameter[],
  {
    optimizer,
    l2,
    decayedParameters,
  }: Pick<TrainingConfig, "optimizer" | "l2" | "decayedParameters">,
): readonly string[] {
  const decoupled = optimizer.kind === "adamw" || optimizer.kind === "lamb";
  const decays = decoupled && optimizer.weightDecay > 0;
  const notes: string[] = [];
  const normalization = parameters.filter(
    ({ node, role }) => NORMALIZATIONS.has(node.opType) && (role === "scale" || role === "shift"),
  );
  const what = decays ? `Weight decay ${optimizer.weightDecay}` : `l2 ${l2}`;
  if ((decays || l2 > 0) && decayedParameters === "all" && normalization.length > 0) {
    notes.push(
      `${what} also pulls ${named(normalization)} of normalizations toward 0, which shrinks their channels and does not make the function smoother; decayedParameters "weights" leaves them alone.`,
    );
  }
  const free = parameters.filter(
    ({ node, role }) => role === "weight" && feedsBatchNorm(graph, node.output[0] ?? ""),
  );
  if ((decays || l2 > 0) && free.length > 0) {
    notes.push(
      `${what} on ${named(free)} in front of a BatchNorm does not regularize the function, which their scale does not enter; it raises their effective learning rate (analysis scale-robustness).`,
    );
  }
  return notes;
}

function feedsBatchNorm(graph: Graph, value: string): boolean {
  const index = indexOf(graph);
  const uses = index.uses(value);
  const normalized = uses.every(
    ({ node, input }) => node.opType === "BatchNormalization" && input === 0,
  );
  return uses.length > 0 && normalized && !index.isOutput(value) && !index.readByBody(value);
}

/** "6 parameters (bn1.weight, bn1.bias, bn2.weight, …)". */
function named(parameters: readonly Parameter[]): string {
  const names = parameters.slice(0, NAMED).map(({ name }) => name);
  const list = [...names, ...(parameters.length > NAMED ? ["…"] : [])].join(", ");
  const noun = parameters.length === 1 ? "parameter" : "parameters";
  return `${parameters.length} ${noun} (${list})`;
}
