import { join } from "node:path";
import { sitesAt } from "../../src/engine/technique-sites.ts";
import { textView } from "../../src/engine/text-view.ts";
import { findings } from "../../src/findings/registry.ts";
import { readModel } from "../../src/formats/onnx/read.ts";
import { encodeModel } from "../../src/formats/onnx/write.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { float32Tensor } from "../../src/graph/tensor.ts";
import { insertDropout } from "../../src/passes/insert-dropout.ts";
import { checkedOptions } from "../../src/passes/options.ts";
import { type ApplicableSite, type Pass, siteId } from "../../src/passes/pass.ts";
import { PASSES } from "../../src/passes/registry.ts";
import { needsData } from "../../src/protocol/technique-options.ts";
import { modelOf, named, scalar, truth, weights } from "../unit/passes/dropout-models.ts";
import { samples } from "./support.ts";

/** A pass with a model that it can change. */
export interface PassSample {
  readonly pass: Pass;
  readonly name: string;
  readonly content: Uint8Array;
  /** What the light bulb says of the first place, and the line of its node in the text, from 1. */
  readonly title: string;
  readonly line: number;
}

interface NamedGraph {
  readonly name: string;
  readonly graph: Graph;
}

/**
 * For each pass of the registry a model that it can change: the samples, what other passes have made
 * of them (what takes a Dropout out needs one first), and one made by hand. As few as will do,
 * because opening a model takes longer than most passes.
 */
export async function passSamples(): Promise<readonly PassSample[]> {
  const given = await Promise.all(
    ["digits-cnn", "digits-mlp"].map(async (name) => ({
      name,
      graph: await readModel(join(samples, `${name}.onnx`)),
    })),
  );
  const made = given.flatMap((base) => PASSES.map((pass) => changedBy([pass], base)));
  const grown = given.map((base) => changedBy(PASSES, base, (before, after) => after > before));
  const models = [...given, ...grown, ...made, { name: "handmade", graph: handmadeModel() }];
  const places = models.map(({ name, graph }) => ({
    name,
    graph,
    sites: new Map(PASSES.map((pass) => [pass, siteOf(pass, graph)])),
  }));
  const found: PassSample[] = [];
  for (let left = new Set(PASSES); left.size > 0; ) {
    const served = places.map(({ sites }) => [...left].filter((pass) => sites.get(pass)));
    const most = Math.max(...served.map(({ length }) => length));
    if (most === 0) throw new Error(`No sample has a place for ${[...left].map(({ id }) => id)}.`);
    const best = served.findIndex(({ length }) => length === most);
    const { name, graph, sites } = places[best] as (typeof places)[number];
    for (const pass of served[best] ?? []) {
      found.push(sampleOf(pass, `${name}.onnx`, graph, sites.get(pass) as ApplicableSite));
    }
    left = new Set([...left].filter((pass) => !sites.get(pass)));
  }
  return found;
}

/** A digits model with BatchNorm and Dropout, which every analysis has something to say about. */
export async function modelToAnalyze(): Promise<Uint8Array> {
  const name = "digits-cnn";
  const graph = await readModel(join(samples, `${name}.onnx`));
  return encodeModel(changedBy([insertDropout], { name, graph }).graph);
}

/** The graph after each of the passes that has a place, needs no data and changes the size as asked. */
function changedBy(
  passes: readonly Pass[],
  { name, graph }: NamedGraph,
  accepts: (before: number, after: number) => boolean = () => true,
): NamedGraph {
  let changed = graph;
  for (const pass of passes) {
    const options = checkedOptions(pass);
    if (needsData(pass, options) || siteOf(pass, changed) === undefined) continue;
    const after = pass.apply(changed, undefined, options).graph;
    if (accepts(changed.nodes.length, after.nodes.length)) changed = after;
  }
  return { name: `${name}-${passes.length === 1 ? passes[0]?.id : "grown"}`, graph: changed };
}

/**
 * What no sample has: x [N, 4] → LayerNormalization → Gemm with long weights, a BatchNorm and a
 * Dropout that train.
 */
function handmadeModel(): Graph {
  return modelOf(
    [
      named("LayerNormalization", "norm", ["x", "gamma", "beta"], ["n"]),
      named("Gemm", "fc1", ["n", "w1", "b1"], ["h"]),
      named("BatchNormalization", "bn", ["h", "scale", "shift", "mean", "variance"], ["b"], {
        attributes: { training_mode: { int: 1 } },
      }),
      named("Dropout", "dropout", ["b", "ratio", "mode"], ["d"]),
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
        ...["scale", "shift", "mean", "variance"].map((each) =>
          float32Tensor(each, [5], Float32Array.of(1, 2, 3, 4, 5)),
        ),
        scalar("ratio", 0.5),
        truth("mode", true),
      ],
    },
  );
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
  const node = siteId(site.node);
  const alike = sitesAt(graph, node).filter(({ title }) => title === site.title).length > 1;
  const fixed = findings(graph).some(({ fix }) => fix?.pass === pass.id && fix.site === site.id);
  return {
    pass,
    name,
    content: encodeModel(graph),
    title: alike && !fixed ? `${site.title} (${pass.title})` : site.title,
    line: (symbol?.line ?? 0) + 1,
  };
}
