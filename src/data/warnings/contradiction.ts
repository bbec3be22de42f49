import { sampleName } from "../dataset.ts";
import { counted, type DataWarningRule, listed } from "./warning-rule.ts";

/** Equal samples of different classes: no model can answer both. */
export const contradiction: DataWarningRule = {
  id: "contradiction",
  find: ({ dataset, equal }) => {
    const { targets } = dataset;
    if (targets?.kind !== "classes") return [];
    const { labels, classNames } = targets;
    const contradicting = equal.filter((rows) =>
      rows.some((row) => labels[row] !== labels[rows[0] as number]),
    );
    const count = contradicting.reduce((sum, { length }) => sum + length, 0);
    if (count === 0) return [];
    const name = (row: number) =>
      `${sampleName(dataset, row)} is ${classNames[labels[row] as number]}`;
    const named = contradicting.map((rows) => {
      const first = rows[0] as number;
      const other = rows.find((row) => labels[row] !== labels[first]) as number;
      return `${name(first)}, ${name(other)}`;
    });
    return [
      {
        count,
        message: `${counted(count, "sample")} that are equal have different classes: ${listed(named)}.`,
      },
    ];
  },
};
