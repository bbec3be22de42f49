import { isStandardDomain, type Node } from "../../../graph/graph.ts";
import { activationWriters } from "./activation.ts";
import { arithmeticWriters } from "./arithmetic.ts";
import { convolutionWriters } from "./convolution.ts";
import { denseWriters } from "./dense.ts";
import { movementWriters } from "./movement.ts";
import type { NodeWriter } from "./node-writer.ts";
import { noiseWriters } from "./noise.ts";
import { normalizationWriters } from "./normalization.ts";
import { poolingWriters } from "./pooling.ts";
import { recurrentWriters } from "./recurrent.ts";
import { resizingWriters } from "./resizing.ts";

/** Every operator that layers can be written for; one family a file. */
const writers: readonly NodeWriter[] = [
  ...activationWriters,
  ...arithmeticWriters,
  ...convolutionWriters,
  ...denseWriters,
  ...movementWriters,
  ...noiseWriters,
  ...normalizationWriters,
  ...poolingWriters,
  ...recurrentWriters,
  ...resizingWriters,
];

const table = new Map(writers.flatMap((each) => each.opTypes.map((type) => [type, each] as const)));

export function nodeWriter({ domain, opType }: Node): NodeWriter | undefined {
  return isStandardDomain(domain) ? table.get(opType) : undefined;
}
