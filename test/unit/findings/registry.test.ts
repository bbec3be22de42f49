import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FINDING_RULES, findings } from "../../../src/findings/registry.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { findPass } from "../../../src/passes/registry.ts";
import { committedModels, REPOSITORY } from "../../support/repository.ts";
import { convModel, randomConfiguration } from "../passes/conv-models.ts";

test("no two rules have the same id", () => {
  const ids = FINDING_RULES.map(({ id }) => id);
  expect([...new Set(ids)]).toEqual(ids);
});

test("a graph that is asked again gives the findings it has", () => {
  const graph = convModel(randomConfiguration(2));
  expect(findings(graph)).toBe(findings(graph));
  expect(findings({ ...graph })).toEqual(findings(graph));
});

test.each(committedModels())("%s: every finding keeps the contract", async (file) => {
  const graph = await readModel(file);
  for (const rule of FINDING_RULES) {
    for (const { rule: id, message, fix, help } of rule.find(graph)) {
      expect(id).toBe(rule.id);
      expect(message).toMatch(/[.]$/);
      if (help !== undefined) expect(headings(help)).toContain(help.split("#")[1]);
      if (fix === undefined) continue;
      const site = findPass(fix.pass)
        .find(graph, {})
        .find((each) => each.id === fix.site);
      expect(site).toMatchObject({ applicable: true, title: fix.title });
    }
  }
});

/** The anchors that a page of the documentation offers, as GitHub makes them of its headings. */
function headings(help: string): string[] {
  const file = join(REPOSITORY, help.split("#")[0] as string);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines
    .filter((line) => /^#+ /.test(line))
    .map((line) =>
      line
        .replace(/^#+ /, "")
        .toLowerCase()
        .replace(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    );
}
