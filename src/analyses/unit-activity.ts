import { floatAttribute } from "../graph/attributes.ts";
import { constantValue } from "../graph/constants.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { readNumbers } from "../graph/numbers.ts";
import { activationFamily } from "../operators/nonlinearities.ts";

/** How a nonlinearity is watched. */
export interface WatchedNonlinearity {
  readonly node: Node;
  /** Its input or its result, whichever shows it. */
  readonly value: string;
  /**
   * - "closed": dead where every value is at or below `low`, or at or above `high`
   * - "limits": saturated where values are near one of the two, as of Sigmoid and Tanh
   */
  readonly kind: "closed" | "limits";
  readonly low: number;
  readonly high: number;
  /** The axis of the units: 1, or the last behind a MatMul of sequences. */
  readonly unitsLast: boolean;
}

/** What the values of one unit did on all samples and positions. */
export interface UnitActivity {
  readonly count: number;
  /** Values at or beyond a bound, or near a limit. */
  readonly idle: number;
  readonly notFinite: number;
}

/** Rectifiers that put out their bound where they are closed; the others are never quite closed. */
const CLOSING: ReadonlySet<string> = new Set(["Relu", "Clip", "ThresholdedRelu"]);

/** Sigmoids go from 0 to 1, the others from −1 to 1. */
const FROM_ZERO: ReadonlySet<string> = new Set(["Sigmoid", "HardSigmoid"]);

/** Nodes between a layer and its nonlinearity that are looked through. */
const MOST_NODES = 4;

/** Every nonlinearity, in node order. */
export function watchedNonlinearities(graph: Graph): readonly WatchedNonlinearity[] {
  return graph.nodes.flatMap((node): WatchedNonlinearity[] => {
    const family = activationFamily(node);
    if (family === undefined) return [];
    const [input = "", output = ""] = [node.input[0], node.output[0]];
    const unitsLast = followsMatMul(graph, input);
    if (family === "saturating") {
      const low = FROM_ZERO.has(node.opType) ? 0 : -1;
      return [{ node, value: output, kind: "limits", low, high: 1, unitsLast }];
    }
    const value = CLOSING.has(node.opType) ? output : input;
    return [{ node, value, kind: "closed", ...boundsOf(graph, node), unitsLast }];
  });
}

/** Where the derivative is 0, or for smooth rectifiers the side on which little passes. */
function boundsOf(graph: Graph, node: Node): { low: number; high: number } {
  if (node.opType !== "Clip") return { low: 0, high: Number.POSITIVE_INFINITY };
  const bound = (input: number, attribute: string, open: number): number => {
    const tensor = constantValue(graph, node.input[input] ?? "");
    const [value] = tensor === undefined ? [] : readNumbers(tensor);
    return value ?? floatAttribute(node, attribute, open);
  };
  return {
    low: bound(1, "min", Number.NEGATIVE_INFINITY),
    high: bound(2, "max", Number.POSITIVE_INFINITY),
  };
}

function followsMatMul(graph: Graph, value: string): boolean {
  const index = indexOf(graph);
  let node = index.producer(value);
  for (let passed = 0; node !== undefined && passed < MOST_NODES; passed++) {
    if (node.opType === "MatMul") return true;
    if (!["Add", "Sub", "Mul", "Identity", "Dropout"].includes(node.opType)) return false;
    const [left = "", right = ""] = node.input;
    node = index.producer(left) ?? index.producer(right);
  }
  return false;
}

/** Collects the activity of a nonlinearity's units, batch by batch. */
export class ActivityCounter {
  readonly #units: { -readonly [Field in keyof UnitActivity]: UnitActivity[Field] }[] = [];
  readonly #low: number;
  readonly #high: number;

  /** @param limit share of the way from the middle to a limit from which on a value is near it. */
  constructor(
    readonly watched: WatchedNonlinearity,
    limit: number,
  ) {
    const { kind, low, high } = watched;
    const margin = kind === "limits" ? ((1 - limit) * (high - low)) / 2 : 0;
    this.#low = low + margin;
    this.#high = high - margin;
  }

  /** @param dims (N, units, …), or (N, …, units). */
  add(dims: readonly number[], values: Float32Array): void {
    const axis = this.watched.unitsLast ? dims.length - 1 : 1;
    const units = dims[axis] ?? 1;
    const inner = dims.slice(axis + 1).reduce((product, size) => product * size, 1);
    while (this.#units.length < units) this.#units.push({ count: 0, idle: 0, notFinite: 0 });
    for (const [position, value] of values.entries()) {
      const unit = this.#units[Math.floor(position / inner) % units];
      if (unit === undefined) continue;
      unit.count++;
      if (!Number.isFinite(value)) unit.notFinite++;
      if (value <= this.#low || value >= this.#high) unit.idle++;
    }
  }

  get units(): readonly UnitActivity[] {
    return this.#units;
  }

  /** Units that never let anything through; NaN is not dead. */
  dead(): number[] {
    if (this.watched.kind === "limits") return [];
    return this.#where(({ count, idle }) => count > 0 && idle === count);
  }

  /** Units that are near a limit in at least this share of the values. */
  saturated(share: number): number[] {
    if (this.watched.kind !== "limits") return [];
    return this.#where(({ count, idle }) => count > 0 && idle >= share * count);
  }

  #where(holds: (unit: UnitActivity) => boolean): number[] {
    return this.#units.flatMap((unit, number) => (holds(unit) ? [number] : []));
  }
}
