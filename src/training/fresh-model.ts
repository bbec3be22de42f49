import { DataType } from "../graph/data-type.ts";
import type { Graph } from "../graph/graph.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { frozenParts } from "./frozen.ts";
import { freshParameters, freshStates, runningStatistics } from "./initialize.ts";
import { initialValues, trainableParameters } from "./parameters.ts";
import { trainedModel } from "./trained-model.ts";

/**
 * The model with fresh weights and running statistics, the same that a run with this seed starts
 * from. What is frozen stays, and so do parameters that are not float32 stay; training refuses them by name.
 */
export function withFreshWeights(
  graph: Graph,
  config: Pick<TrainingConfig, "seed" | "frozen" | "fromModel">,
): Graph {
  const { trained, normalizations } = frozenParts(graph, trainableParameters(graph), config);
  const parameters = trained.filter(({ name }) => isFloat32(graph, name));
  const statistics = graph.nodes
    .filter((node) => !normalizations.has(node.output[0] ?? ""))
    .flatMap((node) => runningStatistics(node).map(([input]) => node.input[input] ?? ""))
    .filter((name) => isFloat32(graph, name));
  return trainedModel(
    graph,
    new Map([
      ...freshStates(graph, initialValues(graph, new Set(statistics))),
      ...freshParameters(graph, parameters, config.seed),
    ]),
  );
}

function isFloat32(graph: Graph, name: string): boolean {
  return graph.initializers.get(name)?.dataType === DataType.FLOAT;
}
