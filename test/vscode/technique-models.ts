import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { textView } from "../../src/engine/text-view.ts";
import { readModel } from "../../src/formats/onnx/read.ts";
import { encodeModel } from "../../src/formats/onnx/write.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { float32Tensor } from "../../src/graph/tensor.ts";
import { checkedOptions } from "../../src/passes/options.ts";
import { type ApplicableSite, type Pass, siteId } from "../../src/passes/pass.ts";
import { PASSES } from "../../src/passes/registry.ts";
import { needsData } from "../../src/protocol/technique-options.ts";
import { modelOf, named, scalar, truth, weights } from "../unit/passes/dropout-models.ts";
import { root } from "./harness/paths.ts";
import { samples } from "./support.ts";

/** A pass with a model that it can change. */
export interface PassSample {
  readonly pass: Pass;
  readonly name: string;
  readonly content: Uint8Array;
  /** Title of the first place, and the line of its node in the text, from 1. */
  readonly title: string;
  readonly line: number;
}

/**
 * For each pass of the registry the first sample that it can change, else the first that another
 * pass has made so (what takes a Dropout out needs one first), else a fixture.
 */
export async function passSamples(): Promise<readonly PassSample[]> {
  const names = ["digits-cnn", "digits-mlp", "narrow-mobilenetv2"];
  const graphs = await Promise.all(
    names.map(async (name) => ({ name, graph: await readModel(join(samples, `${name}.onnx`)) })),
  );
  const derived = graphs.slice(0, 2).flatMap(({ name, graph }) =>
    PASSES.flatMap((pass) => {
      const options = checkedOptions(pass);
      if (needsData(pass, options) || siteOf(pass, graph) === undefined) return [];
      const changed = pass.apply(graph, undefined, options).graph;
      return [{ name: `${name}-${pass.id}`, graph: changed }];
    }),
  );
  const found = [...graphs, ...derived, { name: "handmade", graph: handmadeModel() }];
  for (const pass of PASSES) {
    if (found.some(({ graph }) => siteOf(pass, graph) !== undefined)) continue;
    const fixture = await fixtureWith(pass);
    if (fixture !== undefined) found.push(fixture);
  }
  return PASSES.map((pass) => {
    for (const { name, graph } of found) {
      const site = siteOf(pass, graph);
      if (site !== undefined) return sampleOf(pass, `${name}.onnx`, graph, site);
    }
    throw new Error(`No sample has a place for ${pass.id}.`);
  });
}

/**
 * What no sample has: x [N, 4] → LayerNormalization → Gemm with long weights, and a Dropout that
 * always drops.
 */
function handmadeModel(): Graph {
  return modelOf(
    [
      named("LayerNormalization", "norm", ["x", "gamma", "beta"], ["n"]),
      named("Gemm", "fc1", ["n", "w1", "b1"], ["h"]),
      named("Dropout", "dropout", ["h", "ratio", "mode"], ["d"]),
      named("Gemm", "fc2", ["d", "w2", "b2"], ["y"]),
    ],
    {
      tensors: [
        weights("gamma", [4]),
        weights("beta", [4], 2),
        float32Tensor(
          "w1",
          [4, 5],
          Float32Array.from({ length: 20 }, (_, at) => 9 * Math.sin(at)),
        ),
        weights("b1", [5], 4),
        weights("w2", [5, 3], 5),
        weights("b2", [3], 6),
        scalar("ratio", 0.5),
        truth("mode", true),
      ],
    },
  );
}

async function fixtureWith(pass: Pass) {
  const folder = join(root, "test", "fixtures", "onnx");
  for (const file of (await readdir(folder)).filter((each) => each.endsWith(".onnx"))) {
    const graph = await readModel(join(folder, file));
    if (siteOf(pass, graph) !== undefined) return { name: file.slice(0, -5), graph };
  }
  return undefined;
}

function siteOf(pass: Pass, graph: Graph): ApplicableSite | undefined {
  const options = checkedOptions(pass);
  const site = pass.find(graph, options).find((each) => each.applicable);
  if (site === undefined || needsData(pass, options)) return site;
  // Where everything is as the pass would have it, it does nothing.
  return pass.apply(graph, [site.id], options).applied.length > 0 ? site : undefined;
}

function sampleOf(pass: Pass, name: string, graph: Graph, site: ApplicableSite): PassSample {
  const symbol = textView(name, graph).symbols.find((each) => each.name === siteId(site.node));
  return {
    pass,
    name,
    content: encodeModel(graph),
    title: site.title,
    line: (symbol?.line ?? 0) + 1,
  };
}
