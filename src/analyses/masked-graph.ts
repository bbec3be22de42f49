import { GraphBuilder, makeNode, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { changeGraph, takenNames } from "../graph/edit.ts";
import { type Graph, type Node, requiredInputs } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import { nodeRole } from "../graph/node-role.ts";
import type { DropoutMask } from "../operators/dropout-masks.ts";
import { dropRatio, isDropout } from "../passes/dropout.ts";
import { siteId } from "../passes/pass.ts";
import { valueTypes } from "../passes/value-types.ts";

export interface MaskedGraph {
  readonly graph: Graph;
  readonly masks: readonly DropoutMask[];
}

/**
 * The model with each Dropout as a product with a mask that is fed.
 *
 * @param rate drops that share everywhere; 0 takes each Dropout's own.
 * @throws InputError naming the Dropout whose rate or size is not known, or where there is none.
 */
export function withMasks(graph: Graph, rate: number): MaskedGraph {
  const builder = new GraphBuilder(takenNames(graph));
  const batch = batchSize(graph);
  const replace = new Map<Node, readonly Node[]>();
  const masks: DropoutMask[] = [];
  const inputs = [...graph.inputs];
  for (const node of graph.nodes.filter(isDropout)) {
    const ratio = rate > 0 ? rate : ownRate(graph, node);
    if (ratio === 0) continue;
    const { shape, dataType } = maskedValue(graph, node, batch);
    const input = builder.freshName(`${siteId(node)}_mask`);
    masks.push({ input, shape, rate: ratio });
    inputs.push(makeValueInfo(input, DataType.FLOAT, [batch, ...shape]));
    replace.set(node, product(node, builder, input, dataType));
  }
  if (masks.length === 0) {
    throw new InputError("the model has no Dropout that drops anything; insert-dropout puts it in");
  }
  return { graph: { ...changeGraph(graph, { replace }), inputs }, masks };
}

function ownRate(graph: Graph, node: Node): number {
  if (nodeRole(node) === "variational-dropout") {
    throw new InputError(
      `node ${siteId(node)}: variational dropout has a rate for each unit; prune-variational-dropout takes it out`,
    );
  }
  const ratio = dropRatio(graph, node);
  if (typeof ratio === "number") return ratio;
  throw new InputError(`${ratio.reason} The option rate sets one.`);
}

/** The first size of the model's input: its name, or a number where it takes one only. */
function batchSize(graph: Graph): number | string {
  const [input] = requiredInputs(graph);
  return valueTypes(graph).get(input?.name ?? "")?.shape[0] ?? "N";
}

function maskedValue(graph: Graph, node: Node, batch: number | string) {
  const value = node.input[0] ?? "";
  const type = valueTypes(graph).get(value);
  const shape = type?.shape.slice(1).filter((size) => typeof size === "number") ?? [];
  if (type === undefined || type.shape.length < 1 || shape.length < type.shape.length - 1) {
    throw new InputError(
      `node ${siteId(node)}: the size of ${value}, which it drops from, is not known${type === undefined ? "" : `: [${type.shape.join(", ")}]`}`,
    );
  }
  if (type.shape[0] !== batch) {
    throw new InputError(
      `node ${siteId(node)}: ${value}, which it drops from, has shape [${type.shape.join(", ")}]; its first dimension must be the batch (${batch})`,
    );
  }
  const mask = node.output[1] ?? "";
  if (mask !== "" && (indexOf(graph).uses(mask).length > 0 || indexOf(graph).isOutput(mask))) {
    throw new InputError(`node ${siteId(node)}: its mask ${mask} is read, which is not followed`);
  }
  return { shape, dataType: type.dataType };
}

/** y = x·mask, with the mask in the type of x. */
function product(node: Node, builder: GraphBuilder, mask: string, dataType: DataType): Node[] {
  const [x = ""] = node.input;
  const [y = ""] = node.output;
  if (dataType === DataType.FLOAT) return [makeNode("Mul", [x, mask], [y], { name: node.name })];
  const cast = builder.freshName(`${mask}_cast`);
  return [
    makeNode("Cast", [mask], [cast], { name: cast, attributes: { to: { int: dataType } } }),
    makeNode("Mul", [x, cast], [y], { name: node.name }),
  ];
}
