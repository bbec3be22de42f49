import type { LayerCall } from "./layer-call.ts";

/**
 * The heads of attention. Its products lie as (front…, places…, heads·size); to be multiplied with
 * each other for each head they lie as (front…, heads…, place, size).
 */
export class HeadAxes {
  constructor(
    readonly call: LayerCall,
    /** Axes in front of those that attention goes over: the batch, and what counts as batch. */
    readonly front: number,
    /** How many axes the heads have. */
    readonly heads: number,
  ) {}

  /**
   * (front…, heads…, place, size) of (front…, places…, heads·size), the places joined.
   *
   * @param turned with the place as the last axis.
   */
  apart(part: string, value: string, sizes: readonly number[], turned = false): string {
    const { call, front, heads } = this;
    const target = [...new Array<number>(front).fill(0), -1, ...sizes];
    const split = call.add(`${part}/split`, "Reshape", [value, call.builder.ints(target)]);
    const [place, size] = [front, front + heads + 1];
    const last = turned ? [size, place] : [place, size];
    const perm = [...count(0, front), ...count(front + 1, heads), ...last];
    return call.add(`${part}/heads`, "Transpose", [split], { perm: { ints: perm } });
  }

  /** (front…, place, heads…, size) of (front…, heads…, place, size). */
  inOrder(part: string, value: string): string {
    const { call, front, heads } = this;
    const place = front + heads;
    const perm = [...count(0, front), place, ...count(front, heads), place + 1];
    return call.add(part, "Transpose", [value], { perm: { ints: perm } });
  }
}

function count(from: number, length: number): number[] {
  return Array.from({ length }, (_, index) => from + index);
}
