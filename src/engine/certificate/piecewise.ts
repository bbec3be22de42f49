import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema } from "onnx-buf";
import { makeValueInfo } from "../../graph/builder.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Certificate } from "../../protocol/reports.ts";
import type { RuntimeTensor, Tensors } from "../../runtime/runtime.ts";
import type { CertifyRequest } from "./certificate.ts";
import { type ChangedPlace, changedPlaces, type Region } from "./changed-regions.ts";
import { compareTensors } from "./compare.ts";
import { dataTypeOf } from "./element-types.ts";
import { type Judgement, judge } from "./judge.ts";
import { movedByRounding, movedFeeds } from "./moved-copy.ts";
import { OPEN_SIZES, pieceInputs } from "./piece-inputs.ts";
import { type RunnableForm, runnableForms } from "./runnable-form.ts";
import { CannotRun, type RunContext, withModel } from "./runs.ts";
import { type BoundInput, syntheticTrials, type Trial } from "./trial-inputs.ts";
import { type PlaceResult, piecewiseVerdict } from "./verdict.ts";

/** Moved copies of a piece. */
const DRAWS = 3;

/** Of the made-up inputs, those that vary: normal, uniform and ramp. */
const TRIALS = 3;

/**
 * Compares the places that a pass changed, each cut out of its model and fed with made-up values.
 * Together with what was not changed they make up the model, so that nothing is left unsaid.
 *
 * @returns undefined where the graphs have no place to compare.
 */
export async function certifyPieces(
  request: CertifyRequest,
  why: string,
): Promise<Certificate | undefined> {
  const { before, after, runtime, signal, siteOutputs = [] } = request;
  const { places, uncovered } = changedPlaces(before, after);
  if (places.length === 0) return undefined;
  const context: RunContext = { runtime, signal, threads: 1, onRun: () => {} };
  const siteNames = new Map(siteOutputs.map((site) => [site.before, site.site]));
  const results: PlaceResult[] = [];
  for (const place of places) {
    const name = siteNames.get(place.value) ?? place.value;
    results.push({ name, ...(await comparePlace(context, before, after, place, name)) });
    const fraction = results.length / places.length;
    request.onProgress?.({ message: "Comparing pieces", fraction });
  }
  return piecewiseVerdict(results, uncovered, why);
}

type Outcome = Omit<PlaceResult, "name">;

/** Tries the piece in every form and size until both sides run. */
async function comparePlace(
  context: RunContext,
  before: Graph,
  after: Graph,
  place: ChangedPlace,
  name: string,
): Promise<Outcome> {
  let objection: string | undefined;
  const sides = {
    before: cutOut(before, place.before, place.value),
    after: cutOut(after, place.after, place.value),
  };
  for (const form of runnableForms(sides.before)) {
    for (const size of OPEN_SIZES) {
      const region = { ...place.before, inputs: union(place.before.inputs, place.after.inputs) };
      const inputs = pieceInputs(before, region, size, form.words?.includes("float32") ?? false);
      if (typeof inputs === "string") {
        objection ??= inputs;
        continue;
      }
      try {
        const judgements = await compareSides(context, sides, inputs, form, place.value, name);
        return { judgements, form: form.words };
      } catch (error) {
        if (!(error instanceof CannotRun)) throw error;
        objection ??= error.message;
      }
    }
  }
  return { judgements: [], form: undefined, objection: objection ?? "there is nothing to run" };
}

interface Sides {
  readonly before: Graph;
  readonly after: Graph;
}

async function compareSides(
  context: RunContext,
  sides: Sides,
  inputs: readonly BoundInput[],
  form: RunnableForm,
  value: string,
  name: string,
): Promise<Judgement[]> {
  const trials = syntheticTrials(inputs)
    .slice(0, TRIALS)
    .flatMap((versions) => versions.slice(0, 1).map((version) => version()));
  const run = (graph: Graph, draw: number | undefined) =>
    runPiece(context, withInputs(form.change(graph), inputs), trials, value, draw);
  const truths = await run(sides.before, undefined);
  const found = await run(sides.after, undefined);
  const moved: (readonly (RuntimeTensor | undefined)[])[] = [];
  for (let draw = 1; draw <= DRAWS; draw++) {
    // Moved in the type that the file stores, because that is the type a fold rounds to.
    moved.push(await run(movedByRounding(withInputs(sides.before, inputs), draw), draw));
  }
  return trials.map((trial, t) => {
    const before = truths[t] as RuntimeTensor;
    const comparisons = moved.flatMap((results) => {
      const other = results[t];
      const compared = other === undefined ? "" : compareTensors(before, other);
      return typeof compared === "string" ? [] : [compared];
    });
    return judge({ name, trial, before, after: found[t], moved: comparisons });
  });
}

async function runPiece(
  context: RunContext,
  graph: Graph,
  trials: readonly Trial[],
  value: string,
  draw: number | undefined,
): Promise<readonly (RuntimeTensor | undefined)[]> {
  return withModel(context, graph, async (run) => {
    const results: (RuntimeTensor | undefined)[] = [];
    for (const [t, trial] of trials.entries()) {
      const known = new Set(graph.inputs.map((input) => input.name));
      const feeds = Object.entries(trial.feeds).filter(([input]) => known.has(input));
      const own: Tensors = Object.fromEntries(feeds);
      results.push((await run(draw === undefined ? own : movedFeeds(own, draw + 31 * t)))[value]);
    }
    return results;
  });
}

/** The region as a graph of its own; its inputs get their types when they are bound. */
function cutOut(graph: Graph, region: Region, value: string): Graph {
  const initializers = region.initializers.map((name): [string, Tensor] => [
    name,
    graph.initializers.get(name) as Tensor,
  ]);
  return {
    ...graph,
    nodes: region.nodes,
    initializers: new Map(initializers),
    inputs: region.inputs.map((name) => create(ValueInfoProtoSchema, { name })),
    outputs: [create(ValueInfoProtoSchema, { name: value })],
    valueInfo: [],
    source: { format: "memory" },
  };
}

function withInputs(graph: Graph, inputs: readonly BoundInput[]): Graph {
  const known = new Set(graph.inputs.map((input) => input.name));
  const own = inputs.filter((input) => known.has(input.name));
  const infos = own.map(({ name, type, dims }) => makeValueInfo(name, dataTypeOf(type), dims));
  return { ...graph, inputs: infos };
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])];
}
