import { imageInput } from "./image.ts";
import type { Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { TensorValue } from "./tensor-value.ts";

/** Groups of block² channels become blocks of positions: channel (i·block + j)·C + c that at (i, j) of c. */
function depthToSpace(operation: Operation): readonly TensorValue[] {
  const image = imageInput(operation);
  const { channels, positions } = image;
  const block = operation.attributes.integer("block_size", 2);
  const fits = channels === null || channels % block ** 2 === 0;
  if (block < 2 || block > LARGEST_BLOCK || !fits) {
    operation.refuse(`its block_size is ${block}, for ${channels ?? "some"} channels`);
  }
  const value = operation.add("main", "DepthToSpace", [image.value], {
    blocksize: { int: block },
    mode: { string: "DCR" },
  });
  const sizes = positions.map((size) => (size === null ? null : size * block));
  return [image.result(value, channels === null ? null : channels / block ** 2, sizes)];
}

const LARGEST_BLOCK = 4096;

export const depthOperators: readonly OperationRule[] = [
  { operators: ["DepthToSpace"], build: depthToSpace },
];
