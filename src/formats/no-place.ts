import type { Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { nodeRole } from "../graph/node-role.ts";

/**
 * A change that the model's own format cannot hold, with the way out: ONNX has a place for every change.
 *
 * @param reason a clause that names the layer or node.
 */
export function noPlace(reason: string): InputError {
  return new InputError(`${reason}; write it as .onnx (-o NAME.onnx or normlens convert)`);
}

/**
 * Refuses a node that does more while training than its operator says: a layer or an operation of the
 * file would do only what the operator does.
 *
 * @param kind of what a model consists of, "layers".
 */
export function refuseRole(node: Node, kind: string): void {
  const role = nodeRole(node);
  if (role === undefined) return;
  throw noPlace(
    `node ${node.name} stands for ${role.replaceAll("-", " ")}, for which ${kind} have no place`,
  );
}
