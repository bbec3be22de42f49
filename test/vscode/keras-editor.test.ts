import { join } from "node:path";
import { expect } from "vitest";
import { readModel } from "../../src/formats/registry.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { foldBatchNorm } from "../../src/passes/fold-batch-norm.ts";
import {
  errorAgainstKeras,
  fileOf,
  fixture,
  type Golden,
  goldens,
} from "../unit/formats/keras/keras-files.ts";
import { test } from "./harness/test.ts";
import { foldAll, openWithNormLens, seesDirty, seesNodes } from "./support.ts";

/** Float32 rounds each folded weight once; a lost bias or a swapped layer errs by about 1. */
const TOLERANCE = 1e-5;

const norms = (graph: Graph) =>
  graph.nodes.filter(({ opType }) => opType === "BatchNormalization").length;

for (const name of ["unet.keras", "sequences.h5"]) {
  test(`${name} is opened with NormLens, folded, saved and loaded again`, async ({
    openWorkspace,
  }) => {
    const golden = goldens[name.split(".")[0] ?? ""] as Golden;
    const copyOf = await fileOf(fixture(name), name);
    const graph = await readModel(copyOf);
    const nodes = foldBatchNorm.apply(graph, undefined, {}).graph.nodes.length;
    const { folder, workbench } = await openWorkspace({ [name]: { copyOf } });
    const page = await openWithNormLens(workbench, name);
    await seesNodes(page, graph.nodes.length);
    await workbench.screenshot(`keras 1 ${name}`);
    await foldAll(page);
    await seesNodes(page, nodes);
    await workbench.runCommand("File: Save");
    await seesDirty(workbench, name, false);

    const saved = await readModel(join(folder, name));
    expect(saved.source.format).toBe(graph.source.format);
    expect(norms(saved)).toBe(0);
    expect(await errorAgainstKeras(saved, golden)).toBeLessThan(TOLERANCE);

    // The page shows what the file holds, also after it has been opened anew.
    await workbench.runCommand("View: Close Editor");
    await seesNodes(await openWithNormLens(workbench, name), nodes);
    expect(workbench.errors).toEqual([]);
  });
}
