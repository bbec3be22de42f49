import type { Node } from "../../graph/graph.ts";
import {
  type Regularizer,
  sameConstraint,
  type WeightConstraint,
  weightRules,
} from "../../graph/weight-rules.ts";
import { noPlace } from "../no-place.ts";
import type { Json, JsonObject } from "./json.ts";
import type { WeightUse } from "./layer-call.ts";
import type { LayerRecord } from "./read-layers.ts";
import { axesIn, ruleField } from "./weight-rules.ts";

/** A weight and the node that reads it after an edit. */
export interface EditedUse {
  readonly use: WeightUse;
  readonly node: Node;
  /** The input at which the node reads it. */
  readonly input: number;
  /** Sizes in the file from now on. */
  readonly dims: readonly number[];
}

/**
 * The fields of a layer's config that state other constraints and regularizers of its weights than
 * before. A rule that the node has lost stays: no edit takes one away.
 *
 * @throws InputError where the config cannot say them.
 */
export function ruleFields(
  record: LayerRecord,
  uses: readonly EditedUse[],
): Readonly<Record<string, Json>> {
  const fields: Record<string, Json> = {};
  const keras3 = typeof record.layer.raw?.module === "string";
  for (const { use, node, input, dims } of uses) {
    const { constraint, regularizer } = weightRules(node, input);
    const state = (rule: "constraint" | "regularizer", value: JsonObject) => {
      if (use.wrapped) {
        throw noPlace(
          `layer ${record.path.join("/")}: its ${use.weight} has a ${rule} now, which the layer around it cannot say`,
        );
      }
      fields[ruleField(use.weight, rule)] = stated(value, `keras.${rule}s`, keras3);
    };
    if (constraint !== undefined && changesConstraint(constraint, use, dims)) {
      state("constraint", maxNorm(constraint, record, use, dims));
    }
    if (regularizer !== undefined && changesRegularizer(regularizer, use)) {
      const { l1, l2 } = regularizer;
      // TensorFlow.js takes an l1 of its own where one of the two is left out.
      state("regularizer", { class_name: "L1L2", config: { l1, l2 } });
    }
  }
  return fields;
}

/** As Keras 3 writes objects of a config, or as Keras 2 and TensorFlow.js do. */
function stated(value: JsonObject, module: string, keras3: boolean): JsonObject {
  return keras3 ? { module, ...value, registered_name: null } : value;
}

function changesConstraint(
  now: WeightConstraint,
  { rules, layout }: WeightUse,
  dims: readonly number[],
): boolean {
  return (
    rules.constraint === undefined || !sameConstraint(now, rules.constraint, layout.dims(dims))
  );
}

function changesRegularizer({ l1, l2 }: Regularizer, { rules }: WeightUse): boolean {
  return l1 !== (rules.regularizer?.l1 ?? 0) || l2 !== (rules.regularizer?.l2 ?? 0);
}

/** Keras' and TensorFlow.js' MaxNorm, whose axis is what norms are taken over, one number or a list. */
function maxNorm(
  constraint: WeightConstraint,
  record: LayerRecord,
  use: WeightUse,
  dims: readonly number[],
): JsonObject {
  const axes = constraint.kind === "max-norm" ? fileAxes(constraint, use, dims) : undefined;
  if (axes === undefined) {
    throw noPlace(
      `layer ${record.path.join("/")}: its config cannot say the constraint that its ${use.weight} has now`,
    );
  }
  const axis = axes.length === 1 ? (axes[0] as number) : axes;
  return { class_name: "MaxNorm", config: { max_value: constraint.maximum, axis } };
}

/** The axes of the file that are read as the constraint's; undefined where none are. */
function fileAxes(
  constraint: WeightConstraint,
  { layout }: WeightUse,
  dims: readonly number[],
): readonly number[] | undefined {
  const rank = dims.length;
  const { axes, view } = constraint;
  const order = layout.order?.(rank) ?? [];
  const moved = view === undefined ? axes.map((axis) => order[axis] ?? -1) : [];
  const subsets = Array.from({ length: 2 ** rank - 1 }, (_, number) =>
    dims.flatMap((__, axis) => (((number + 1) >> axis) & 1 ? [axis] : [])),
  );
  return [moved.toSorted((a, b) => a - b), ...subsets].find((candidate) => {
    const seen = axesIn([...candidate], dims, layout);
    if (seen === undefined || candidate.length === 0) return false;
    return sameConstraint({ ...constraint, ...seen }, constraint, layout.dims(dims));
  });
}
