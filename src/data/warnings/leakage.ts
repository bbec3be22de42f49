import { sampleName } from "../dataset.ts";
import type { ExaminedData } from "../examination/examined-data.ts";
import { counted, type DataWarningRule, listed } from "./warning-rule.ts";

const PAIRS = [
  ["train", "validation"],
  ["train", "test"],
  ["validation", "test"],
] as const;

/** Samples that are in two parts: what the later part measures is then not how the model does on new samples. */
export const leakage: DataWarningRule = {
  id: "leakage",
  find: (data) => {
    const partOf = partOfEachRow(data);
    return PAIRS.flatMap(([earlier, later]) => {
      const pairs: { readonly row: number; readonly equal: number }[] = [];
      for (const rows of data.equal) {
        const equal = rows.find((row) => partOf[row] === NUMBERS[earlier]);
        if (equal === undefined) continue;
        for (const row of rows) if (partOf[row] === NUMBERS[later]) pairs.push({ row, equal });
      }
      const count = pairs.length;
      if (count === 0) return [];
      const name = (row: number) => sampleName(data.dataset, row);
      const named = listed(pairs.map(({ row, equal }) => `${name(row)} (as ${name(equal)})`));
      const are = count === 1 ? "is" : "are";
      return [
        {
          count,
          message: `${counted(count, "sample")} of the ${later} part ${are} in the ${earlier === "train" ? "training" : earlier} part too: ${named}.`,
        },
      ];
    });
  },
};

const NUMBERS = { train: 1, validation: 2, test: 3 } as const;

/** The number of each row's part; 0 for a row in none. */
function partOfEachRow({ dataset, split }: ExaminedData): Uint8Array {
  const partOf = new Uint8Array(dataset.count);
  for (const part of ["train", "validation", "test"] as const) {
    for (const row of split[part]) partOf[row] = NUMBERS[part];
  }
  return partOf;
}
