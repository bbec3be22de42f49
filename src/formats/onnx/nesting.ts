import { InputError } from "../../graph/input-error.ts";
import { Encoded, scanFields } from "./wire.ts";

/** If, Loop and Scan bodies within each other: real models have a handful, the decoder allows 33. */
const DEEPEST_BODY = 32;

const NODE_ATTRIBUTE = 5;
const GRAPH_NODE = 1;
const ATTRIBUTE_GRAPHS: ReadonlySet<number> = new Set([6, 11]);

/**
 * Refuses a node whose subgraphs are nested so deeply that decoding or walking them would exhaust
 * the stack. Looks at the encoded node, before anything recursive does.
 */
export function refuseDeepNesting(node: Uint8Array, where: string): void {
  const waiting = [{ node, depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const body of encodedBodies(next.node, where)) {
      if (next.depth === DEEPEST_BODY) {
        throw new InputError(`${where}: subgraphs are nested deeper than ${DEEPEST_BODY} levels`);
      }
      for (const field of scanFields(Encoded.of(body), where)) {
        if (field.number === GRAPH_NODE) {
          waiting.push({ node: field.value, depth: next.depth + 1 });
        }
      }
    }
  }
}

function encodedBodies(node: Uint8Array, where: string): Uint8Array[] {
  const bodies: Uint8Array[] = [];
  for (const attribute of scanFields(Encoded.of(node), where)) {
    if (attribute.number !== NODE_ATTRIBUTE) continue;
    for (const field of scanFields(attribute.content, where)) {
      if (ATTRIBUTE_GRAPHS.has(field.number)) bodies.push(field.value);
    }
  }
  return bodies;
}
