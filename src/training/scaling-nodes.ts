import { groupShape } from "../data/input-scaling-note.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { changeNode, takenNames } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { float32Tensor } from "../graph/tensor.ts";
import type { InputScaling } from "../protocol/training.ts";

/**
 * The model with its own scaling in front, so that it takes samples as the data has them:
 *
 *   x ↦ (x − subtract)/divide
 *
 * as a Sub and a Div, whose constants no training changes.
 *
 * @param input whose readers read the scaled value from now on.
 * @param sampleShape of the input without the batch.
 */
export function withScalingNodes(
  graph: Graph,
  input: string,
  sampleShape: readonly number[],
  scaling: InputScaling,
): Graph {
  const shape = groupShape(scaling, sampleShape);
  if (shape === undefined) {
    throw new InputError(
      `inputScaling: its ${scaling.subtract.length} groups are no axis of the model's input ${input} [${sampleShape}]`,
    );
  }
  const builder = new GraphBuilder(takenNames(graph));
  const constant = (stem: string, numbers: readonly number[]) =>
    float32Tensor(builder.freshName(`${input}_${stem}`), [1, ...shape], numbers);
  const [mean, deviation] = [
    constant("subtract", scaling.subtract),
    constant("divide", scaling.divide),
  ];
  const shifted = builder.add("Sub", [input, mean.name], { stem: `${input}_shifted` });
  const scaled = builder.add("Div", [shifted, deviation.name], { stem: `${input}_scaled` });
  const nodes = graph.nodes.map((node) =>
    node.input.includes(input)
      ? changeNode(node, {
          input: node.input.map((value) => (value === input ? scaled : value)),
        })
      : node,
  );
  const initializers = new Map(graph.initializers);
  for (const tensor of [mean, deviation]) initializers.set(tensor.name, tensor);
  return { ...graph, nodes: [...builder.nodes, ...nodes], initializers };
}
