import type { Node } from "./graph.ts";
import { withNote } from "./node-role.ts";

/**
 * What a layer's config says about a weight beside its numbers, kept in the metadata of the node that
 * reads it, which edits carry along and ONNX files keep.
 */
export interface WeightRules {
  readonly regularizer?: Regularizer;
  readonly constraint?: WeightConstraint;
}

/** Keras' form, which has no ½: l1·Σ|w| + l2·Σw² is added to the loss. */
export interface Regularizer {
  readonly l1: number;
  readonly l2: number;
}

/** What a weight is brought back into after each step. Norms are taken over the axes. */
export interface WeightConstraint {
  readonly kind: "max-norm" | "unit-norm" | "non-negative" | "min-max-norm";
  /** Axes of the weight as the node reads it, or of `view`; none for non-negative. */
  readonly axes: readonly number[];
  /** Sizes that the weight has to be seen in where the node reads it with axes joined. */
  readonly view?: readonly number[];
  readonly minimum: number;
  /** The limit of max-norm. */
  readonly maximum: number;
  /** min-max-norm: the share of the way that one step goes. */
  readonly rate: number;
}

const KEYS = { regularizer: "normlens.regularizer", constraint: "normlens.constraint" } as const;
const ACTIVITY_KEY = "normlens.activity";

export function withWeightRules(node: Node, input: number, rules: WeightRules): Node {
  let noted = node;
  for (const name of ["regularizer", "constraint"] as const) {
    const rule = rules[name];
    if (rule !== undefined) noted = withNote(noted, `${KEYS[name]}.${input}`, JSON.stringify(rule));
  }
  return noted;
}

/** The rules of the weight at an input; anything may stand in a file, and only what is whole counts. */
export function weightRules(node: Node, input: number): WeightRules {
  const regularizer = regularizerIn(noteOf(node, `${KEYS.regularizer}.${input}`));
  const constraint = constraintIn(noteOf(node, `${KEYS.constraint}.${input}`));
  return {
    ...(regularizer === undefined ? {} : { regularizer }),
    ...(constraint === undefined ? {} : { constraint }),
  };
}

/** A regularizer of what a layer puts out, as its last node's note. */
export function withActivityRegularizer(node: Node, regularizer: Regularizer): Node {
  return withNote(node, ACTIVITY_KEY, JSON.stringify(regularizer));
}

export function activityRegularizer(node: Node): Regularizer | undefined {
  return regularizerIn(noteOf(node, ACTIVITY_KEY));
}

export function regularizerText({ l1, l2 }: Regularizer, of: string): string {
  const terms = [...(l1 === 0 ? [] : [`${l1}·Σ|${of}|`]), ...(l2 === 0 ? [] : [`${l2}·Σ${of}²`])];
  return terms.join(" + ") || "0";
}

export function constraintText({ kind, axes, minimum, maximum, rate }: WeightConstraint): string {
  const over = `over axes [${axes.join(", ")}]`;
  switch (kind) {
    case "max-norm":
      return `norm at most ${maximum} ${over}`;
    case "unit-norm":
      return `norm 1 ${over}`;
    case "min-max-norm":
      return `norm from ${minimum} to ${maximum} ${over}, rate ${rate}`;
    default:
      return "not negative";
  }
}

/**
 * Whether two constraints ask the same of a weight, in whatever axes each of them sees it: the same
 * elements in each norm, and the same numbers.
 *
 * @param dims of the weight as the node reads it.
 */
export function sameConstraint(
  a: WeightConstraint,
  b: WeightConstraint,
  dims: readonly number[],
): boolean {
  const numbers = ({ kind, minimum, maximum, rate }: WeightConstraint) =>
    `${[kind, minimum, maximum, rate]}`;
  return numbers(a) === numbers(b) && normRuns(a, dims) === normRuns(b, dims);
}

/**
 * The axes from the left, those of a norm and those that tell norms apart, neighbours of a kind joined;
 * axes of size 1 are of no kind.
 */
function normRuns({ axes, view }: WeightConstraint, dims: readonly number[]): string {
  const runs: { inNorm: boolean; size: number }[] = [];
  for (const [axis, size] of (view ?? dims).entries()) {
    if (size === 1) continue;
    const inNorm = axes.includes(axis);
    const last = runs.at(-1);
    if (last?.inNorm === inNorm) last.size *= size;
    else runs.push({ inNorm, size });
  }
  return JSON.stringify(runs);
}

function noteOf(node: Node, key: string): Record<string, unknown> | undefined {
  const note = node.metadataProps.find((entry) => entry.key === key);
  if (note === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(note.value);
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function regularizerIn(note: Record<string, unknown> | undefined): Regularizer | undefined {
  const { l1, l2 } = note ?? {};
  return isStrength(l1) && isStrength(l2) ? { l1, l2 } : undefined;
}

function constraintIn(note: Record<string, unknown> | undefined): WeightConstraint | undefined {
  const { kind, axes, view, minimum, maximum, rate } = note ?? {};
  const known = ["max-norm", "unit-norm", "non-negative", "min-max-norm"];
  if (!known.includes(String(kind)) || !isAxes(axes)) return undefined;
  if (view !== undefined && !isAxes(view)) return undefined;
  if (!isStrength(minimum) || !isStrength(maximum) || !isStrength(rate)) return undefined;
  const numbers = { axes, minimum, maximum, rate, ...(view === undefined ? {} : { view }) };
  return { kind: kind as WeightConstraint["kind"], ...numbers };
}

function isStrength(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isAxes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((axis) => Number.isSafeInteger(axis) && axis >= 0);
}
