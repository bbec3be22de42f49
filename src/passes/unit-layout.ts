import { elementCount } from "../graph/tensor.ts";
import type { OutputUnits } from "../operators/output-units.ts";
import type { ChannelLayout } from "./channel-layout.ts";

/**
 * Output units as the channels of a layout, numbered alike: the axes, from the right, are an inner
 * run that is reduced, the channels, their repeats, and the groups. Undefined where they alternate
 * more often, which no linear layer does.
 */
export function unitLayout({ view, reduced }: OutputUnits): ChannelLayout | undefined {
  const axes = view.map((size, axis) => ({ size, reduced: reduced.includes(axis) }));
  const run = (inside: boolean): number => {
    const sizes: number[] = [];
    while (axes.length > 0 && axes.at(-1)?.reduced === inside) sizes.push(axes.pop()?.size ?? 1);
    return elementCount(sizes);
  };
  const layout = {
    inner: run(true),
    channelsPerGroup: run(false),
    repeats: run(true),
    groups: run(false),
  };
  return axes.length === 0 ? layout : undefined;
}
