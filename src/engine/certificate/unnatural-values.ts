import { seededRandom } from "../../data/random.ts";
import type { RuntimeTensor } from "../../runtime/runtime.ts";
import { isDiscrete } from "./compare.ts";
import { castElements } from "./trial-inputs.ts";

/** So many numbers are drawn, and repeated: a prime, so that rows and channels begin anywhere. */
const PERIOD = 4099;

/** Large numbers of one type are read as they are; float16 has bit patterns in place of numbers. */
function rootMeanSquare({ type, data }: RuntimeTensor): number {
  if (type === "float16") return 1;
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += Number(data[i]) ** 2;
  const root = Math.sqrt(sum / Math.max(1, data.length));
  return Number.isFinite(root) && root > 0 ? root : 1;
}

/**
 * Random numbers in place of what a model computed, of about the same size. A channel that is dead
 * on every natural input, as behind a ReLU, passes any fold; with these it has something to scale.
 */
export function unnaturalValues(
  values: ReadonlyMap<string, RuntimeTensor>,
): ReadonlyMap<string, RuntimeTensor> {
  const made = new Map<string, RuntimeTensor>();
  for (const [name, tensor] of values) {
    if (isDiscrete(tensor)) {
      made.set(name, tensor);
      continue;
    }
    const random = seededRandom(3, name);
    const size = rootMeanSquare(tensor);
    const drawn = Float64Array.from({ length: PERIOD }, () => size * random.normal());
    const draw = new Float64Array(tensor.data.length);
    for (let i = 0; i < draw.length; i++) draw[i] = drawn[i % PERIOD] as number;
    made.set(name, { ...tensor, data: castElements(tensor.type, draw) });
  }
  return made;
}
