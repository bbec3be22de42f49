import type { DataWarning } from "../../protocol/data-report.ts";
import type { ExaminedData } from "../examination/examined-data.ts";

/** One kind of thing that may be wrong with data. */
export interface DataWarningRule {
  readonly id: string;
  /** What it finds, in plain sentences; nothing where all is well. */
  find(data: ExaminedData): readonly Omit<DataWarning, "rule">[];
}

/** Names in a sentence are at most so many. */
const MOST_NAMED = 5;

/** "a, b and c"; "a, b, c, d, e and 3 more". */
export function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  const shown = names.slice(0, MOST_NAMED);
  const all = more > 0 ? [...shown, `${more} more`] : shown;
  return all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")} and ${all.at(-1)}`;
}

/** "1 sample", "3 samples", "3 classes". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Four digits. */
export function shortNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}
