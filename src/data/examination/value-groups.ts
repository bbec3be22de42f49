import { elementCount } from "../../graph/tensor.ts";
import type { DataReport } from "../../protocol/data-report.ts";
import type { Dataset } from "../dataset.ts";
import { groupsOf } from "../scale-inputs.ts";

/** More features than these are taken as a whole, which a table hardly ever is. */
const MOST_FEATURES = 2 ** 16;

/** The numbers of a sample that are measured together: a channel, a feature, or all. */
export interface ValueGroups {
  readonly kind: DataReport["groupKind"];
  readonly count: number;
  /** Shape of so many samples with the groups along axis 1, as ChannelMoments takes it. */
  dims(samples: number): readonly number[];
  name(group: number): string;
}

/** Groups as the scaling of inputs makes them, but sounds as a whole: their moments in time mean nothing. */
export function valueGroups(dataset: Dataset): ValueGroups {
  const { sampleShape, featureNames, sampleRate } = dataset;
  const size = elementCount(sampleShape);
  const { groups, groupSize } = groupsOf(sampleShape);
  if (groups === 1 || groups > MOST_FEATURES || sampleRate !== undefined) {
    const dims = (samples: number) => [samples, 1, size];
    return { kind: "whole", count: 1, dims, name: () => "all" };
  }
  const kind = sampleShape.length === 1 ? "feature" : "channel";
  const names = kind === "feature" && featureNames?.length === groups ? featureNames : [];
  return {
    kind,
    count: groups,
    dims: (samples) =>
      groupSize === 1 ? [(samples * size) / groups, groups] : [samples, groups, size / groups],
    name: (group) => names[group] ?? String(group + 1),
  };
}
