/** Why a node has no layer; the message is a phrase that follows the node's name and operator. */
export class Unwritable extends Error {
  override readonly name = "Unwritable";
}

export function unwritable(reason: string): never {
  throw new Unwritable(reason);
}
