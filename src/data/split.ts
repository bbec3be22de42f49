import type { Dataset } from "./dataset.ts";
import { seededRandom, shuffle } from "./random.ts";

export interface Shares {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** Row numbers of the samples in each part; together they are all rows, each once. */
export interface Split {
  readonly train: Int32Array;
  readonly validation: Int32Array;
  readonly test: Int32Array;
}

const PARTS = ["train", "validation", "test"] as const;

/**
 * Divides the samples at random, the same way for the same seed.
 *
 * Classes are stratified: within each part every class has its share to within one sample, because
 * on small sets an unlucky draw otherwise moves the validation accuracy more than the model does.
 * The samples are shuffled, put in order of class, and dealt out one after the other to the part
 * that is furthest behind its share; so the sizes of the parts are right to within one sample too.
 *
 * A test or validation part that the source has itself stays that part; the others are taken out of its
 * training part by their shares.
 */
export function splitSamples(dataset: Dataset, shares: Shares, seed: number): Split {
  const { parts } = dataset;
  if (parts === undefined) {
    const all = Int32Array.from({ length: dataset.count }, (_, row) => row);
    return splitRows(dataset, all, shares, seed);
  }
  // What the source has no part of is taken out of its training part.
  const shared = {
    train: shares.train,
    validation: parts.validation === undefined ? shares.validation : 0,
    test: parts.test === undefined ? shares.test : 0,
  };
  const rest = splitRows(dataset, parts.train, shared, seed);
  return {
    train: rest.train,
    validation: parts.validation ?? rest.validation,
    test: parts.test ?? rest.test,
  };
}

function splitRows(dataset: Dataset, rowsToSplit: Int32Array, shares: Shares, seed: number): Split {
  const random = seededRandom(seed, "split");
  const order = rowsToSplit.slice();
  shuffle(order, random);
  const targets = dataset.targets;
  if (targets?.kind === "classes") {
    order.sort((a, b) => (targets.labels[a] as number) - (targets.labels[b] as number));
  }
  const rows = { train: [] as number[], validation: [] as number[], test: [] as number[] };
  const whole = shares.train + shares.validation + shares.test;
  for (const [dealt, row] of order.entries()) {
    let part: (typeof PARTS)[number] = "train";
    let behind = Number.NEGATIVE_INFINITY;
    for (const candidate of PARTS) {
      const missing = ((dealt + 1) * shares[candidate]) / whole - rows[candidate].length;
      if (shares[candidate] > 0 && missing > behind) [part, behind] = [candidate, missing];
    }
    rows[part].push(row);
  }
  const shuffled = (part: readonly number[]) => {
    const result = Int32Array.from(part);
    shuffle(result, random);
    return result;
  };
  return {
    train: shuffled(rows.train),
    validation: shuffled(rows.validation),
    test: shuffled(rows.test),
  };
}
