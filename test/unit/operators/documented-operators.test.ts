import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { operatorRules } from "../../../src/operators/table.ts";

/** The second column of the table under "Operators". */
function documentedOperators(): string[] {
  const text = readFileSync(new URL("../../../docs/training.md", import.meta.url), "utf8");
  const [, section = ""] = text.split("## Operators\n");
  const rows = section.split("\n## ")[0]?.matchAll(/^\|[^|]+\| ([A-Za-z0-9 ]+) \|/gm) ?? [];
  return [...rows]
    .flatMap(([, cell = ""]) => cell.split(" "))
    .filter((name) => name !== "Operators");
}

test("docs/training.md lists exactly the operators that training goes through", () => {
  const standard = operatorRules.filter(({ domain = "", gradient }) => domain === "" && gradient);
  expect(documentedOperators().sort()).toEqual(standard.map(({ opType }) => opType).sort());
});
