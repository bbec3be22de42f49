import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { applyPass } from "../../../src/engine/apply-pass.ts";
import { passSites, sitesAt } from "../../../src/engine/technique-sites.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { siteId } from "../../../src/passes/pass.ts";
import { PASSES } from "../../../src/passes/registry.ts";
import { SAMPLES } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";

let graph: Graph;

beforeAll(async () => {
  graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
});

test("the sites of a pass are listed with their titles, the others with their reason", () => {
  const { applicable, skipped } = passSites(graph, "fold-batch-norm");
  expect(applicable).toContainEqual({
    pass: "fold-batch-norm",
    passTitle: "Fold BatchNorm",
    site: "bn2",
    title: "Fold bn2 into conv2",
  });
  expect(applicable).toHaveLength(3);
  expect(skipped).toEqual([]);
  expect(() => passSites(graph, "fold")).toThrow(/pass fold does not exist/);
});

test("at every node there is what the passes' own search finds, no more and no less", () => {
  const found = PASSES.flatMap((pass) =>
    pass
      .find(graph, checkedOptions(pass))
      .flatMap((site) => (site.applicable ? [`${siteId(site.node)} ${pass.id} ${site.id}`] : [])),
  );
  const listed = graph.nodes.flatMap((node) =>
    sitesAt(graph, siteId(node)).map(({ pass, site }) => `${siteId(node)} ${pass} ${site}`),
  );
  expect(listed.sort()).toEqual(found.sort());
  expect(listed.length).toBeGreaterThan(3);
  expect(sitesAt(graph, "no such node")).toEqual([]);
});

test("a report is labelled with its site's title, and with a count for several", async () => {
  const pass = "fold-batch-norm";
  const one = await applyPass(graph, { pass, sites: ["bn2"], verify: false }, context);
  expect(one.report.label).toBe("Fold bn2 into conv2");
  const all = await applyPass(graph, { pass, verify: false }, context);
  expect(all.report.label).toBe("Fold BatchNorm (3 nodes)");
  expect(all.report.title).toBe("Fold BatchNorm");
});
