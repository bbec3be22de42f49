import { InputError } from "../graph/input-error.ts";
import type { MemoryDataset, OwnParts, Targets } from "./dataset.ts";
import type { SampleFields } from "./npy-dataset.ts";

/** The samples of one part, and what their arrays are called in messages. */
interface DatasetPart {
  readonly part: keyof OwnParts;
  readonly fields: SampleFields;
  readonly data: MemoryDataset;
}

/**
 * One data set of the samples of all parts one after the other, with the rows of each; of one part, that.
 *
 * @param parts at least one; all have targets or none.
 * @throws InputError where samples or targets of two parts differ in shape, or one has classes and
 *   another numbers.
 */
export function joinParts(parts: readonly DatasetPart[], file: string): MemoryDataset {
  const [first, ...others] = parts as readonly [DatasetPart, ...DatasetPart[]];
  if (others.length === 0) return first.data;
  for (const other of others) refuseDifferent(first, other, file);
  const { sampleShape, name, targets } = first.data;
  const count = parts.reduce((sum, { data }) => sum + data.count, 0);
  return {
    name,
    count,
    sampleShape,
    features: joined(parts.map(({ data }) => data.features)),
    ...(targets === undefined
      ? {}
      : {
          targets: joinedTargets(
            targets,
            parts.flatMap(({ data }) => data.targets ?? []),
          ),
        }),
    parts: partRows(parts),
  };
}

function refuseDifferent(first: DatasetPart, other: DatasetPart, file: string): void {
  const [shape, otherShape] = [first.data.sampleShape, other.data.sampleShape];
  if (shape.join() !== otherShape.join()) {
    throw new InputError(
      `${other.fields.x}: its samples are (${otherShape.join("×")}), those of ${first.fields.x} (${shape.join("×")})`,
      file,
    );
  }
  const [targets, otherTargets] = [first.data.targets, other.data.targets];
  if (targets === undefined || otherTargets === undefined) return;
  if (targetText(targets) !== targetText(otherTargets)) {
    throw new InputError(
      `${other.fields.y}: its targets are ${targetText(otherTargets)}, those of ${first.fields.y} ${targetText(targets)}`,
      file,
    );
  }
}

function targetText(targets: Targets): string {
  return targets.kind === "classes" ? "classes" : `numbers of shape (${targets.shape.join("×")})`;
}

function joinedTargets(first: Targets, all: readonly Targets[]): Targets {
  if (first.kind === "numbers") {
    const values = all.flatMap((targets) => (targets.kind === "numbers" ? [targets.values] : []));
    return { kind: "numbers", shape: first.shape, values: joined(values) };
  }
  const classes = all.flatMap((targets) => (targets.kind === "classes" ? [targets] : []));
  // Names are 0 … the largest class of the part, so that the longest list has those of all.
  const [classNames = []] = classes
    .map((targets) => targets.classNames)
    .sort((a, b) => b.length - a.length);
  const labels = new Int32Array(classes.reduce((sum, targets) => sum + targets.labels.length, 0));
  let position = 0;
  for (const targets of classes) {
    labels.set(targets.labels, position);
    position += targets.labels.length;
  }
  return { kind: "classes", labels, classNames };
}

function joined(all: readonly Float32Array[]): Float32Array {
  const values = new Float32Array(all.reduce((sum, { length }) => sum + length, 0));
  let position = 0;
  for (const part of all) {
    values.set(part, position);
    position += part.length;
  }
  return values;
}

/** The rows of each part; a part that is there and empty is as one that is not. */
function partRows(parts: readonly DatasetPart[]): OwnParts {
  let position = 0;
  const rows: { -readonly [part in keyof OwnParts]: OwnParts[part] } = { train: new Int32Array() };
  for (const { part, data } of parts) {
    const start = position;
    position += data.count;
    if (data.count > 0)
      rows[part] = Int32Array.from({ length: data.count }, (_, row) => start + row);
  }
  return rows;
}
