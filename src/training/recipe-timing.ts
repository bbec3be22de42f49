import { encodeModel } from "../formats/onnx/write.ts";
import { GraphBuilder, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { elementCount } from "../graph/tensor.ts";
import { forwardBySelection, weightBySelection } from "../operators/conv-by-selection.ts";
import type { ConvGeometry } from "../operators/conv-geometry.ts";
import type {
  ConvChoice,
  ConvForwardRecipe,
  ConvGradientRecipe,
  ConvMachine,
} from "../operators/conv-recipe.ts";
import {
  FORWARD_RECIPES,
  INPUT_GRADIENT_RECIPES,
  usualChoice,
  WEIGHT_GRADIENT_RECIPES,
} from "../operators/conv-recipes.ts";
import { STEP_OPSET } from "../operators/operator.ts";
import type { Runtime, RuntimeTensor, Session, Tensors } from "../runtime/runtime.ts";
import { trainingSession } from "./step-session.ts";

/** Rounds in which each recipe runs once; the fastest run counts, as a disturbance only slows down. */
const ROUNDS = 4;

/** A recipe that is so many times slower than the best in the first round runs no more. */
const HOPELESS = 1.5;

/** What is usual stays unless another is faster by more than such timings err. */
const WORTH_CHANGING = 0.9;

type TrialInput = "X" | "W" | "G";

/** A result, and the input whose shape it has. */
interface TrialOutput {
  readonly name: string;
  readonly like: TrialInput;
}

/** Something to time: a recipe, or two that work together. */
interface Candidate {
  readonly name: string;
  build(builder: GraphBuilder): readonly TrialOutput[];
}

interface Timing {
  readonly name: string;
  readonly milliseconds: number;
}

/** Runs every recipe that applies to one convolution and takes the fastest of each kind. */
export async function timeRecipes(
  runtime: Runtime,
  threads: number,
  geometry: ConvGeometry,
  machine: ConvMachine,
): Promise<ConvChoice> {
  const trial = new RecipeTrial(runtime, threads, geometry, machine);
  const usual = usualChoice(geometry, machine);
  const candidates = <Recipe extends ConvForwardRecipe | ConvGradientRecipe>(
    recipes: readonly Recipe[],
    build: (recipe: Recipe, builder: GraphBuilder) => readonly TrialOutput[],
  ): Candidate[] =>
    recipes
      .filter((recipe) => recipe.applies(geometry, machine))
      .map((recipe) => ({ name: recipe.name, build: (builder) => build(recipe, builder) }));
  const forward = await trial.fastest(
    candidates(FORWARD_RECIPES, (recipe, builder) => [trial.forward(recipe, builder)]),
    usual.forward,
  );
  const inputGradient = await trial.fastest(
    candidates(INPUT_GRADIENT_RECIPES, (recipe, builder) => [trial.input(recipe, builder)]),
    usual.inputGradient,
  );
  const weightGradient = await trial.fastest(
    candidates(WEIGHT_GRADIENT_RECIPES, (recipe, builder) => [trial.weight(recipe, builder)]),
    usual.weightGradient,
  );
  // By selection the two share what the forward pass has made of the input.
  const shared = candidates([forwardBySelection], (recipe, builder) => [
    trial.forward(recipe, builder),
    trial.weight(weightBySelection, builder),
  ]);
  const { milliseconds } = await trial.fastest(shared, forwardBySelection.name);
  const together = milliseconds < forward.milliseconds + weightGradient.milliseconds;
  return {
    forward: together ? forwardBySelection.name : forward.name,
    inputGradient: inputGradient.name,
    weightGradient: together ? weightBySelection.name : weightGradient.name,
  };
}

/** One convolution on random numbers: X, W and G, the gradient of its output. */
class RecipeTrial {
  readonly #runtime: Runtime;
  readonly #threads: number;
  readonly #geometry: ConvGeometry;
  readonly #machine: ConvMachine;
  readonly #feeds: Readonly<Record<TrialInput, RuntimeTensor>>;

  constructor(runtime: Runtime, threads: number, geometry: ConvGeometry, machine: ConvMachine) {
    const { batch, channels, filters, group, sizes, outputSizes, kernel } = geometry;
    this.#runtime = runtime;
    this.#threads = threads;
    this.#geometry = geometry;
    this.#machine = machine;
    this.#feeds = {
      X: wave([batch, channels, ...sizes]),
      W: wave([filters, channels / group, ...kernel]),
      G: wave([batch, filters, ...outputSizes]),
    };
  }

  forward(recipe: ConvForwardRecipe, builder: GraphBuilder): TrialOutput {
    const name = builder.freshName("Y");
    const values = { input: "X", weight: "W", bias: "", output: name };
    recipe.build(builder, this.#geometry, values, this.#machine);
    return { name, like: "G" };
  }

  input(recipe: ConvGradientRecipe, builder: GraphBuilder): TrialOutput {
    const name = recipe.build(builder, this.#geometry, "W", "G", this.#machine);
    return { name, like: "X" };
  }

  weight(recipe: ConvGradientRecipe, builder: GraphBuilder): TrialOutput {
    const name = recipe.build(builder, this.#geometry, "X", "G", this.#machine);
    return { name, like: "W" };
  }

  /** The candidates take turns, so that whatever else the machine does disturbs all alike. */
  async fastest(candidates: readonly Candidate[], usual: string): Promise<Timing> {
    const runners = [];
    for (const candidate of candidates) runners.push(await this.#runner(candidate));
    try {
      let hopeful: readonly Runner[] = runners;
      for (let round = 0; round < ROUNDS && hopeful.length > 1; round++) {
        for (const runner of hopeful) await runner.run();
        const best = Math.min(...hopeful.map((runner) => runner.milliseconds));
        hopeful = hopeful.filter((runner) => runner.milliseconds <= HOPELESS * best);
      }
      for (const runner of hopeful) await runner.run();
      return preferred(runners, usual);
    } finally {
      for (const runner of runners) await runner.release();
    }
  }

  async #runner(candidate: Candidate): Promise<Runner> {
    const builder = new GraphBuilder(Object.keys(this.#feeds));
    const outputs = candidate.build(builder);
    const read = new Set(builder.nodes.flatMap((node) => node.input));
    const feeds = Object.fromEntries(
      Object.entries(this.#feeds).filter(([name]) => read.has(name)),
    );
    const graph = builder.build(
      "recipe",
      Object.entries(feeds).map(([name, { dims }]) => makeValueInfo(name, DataType.FLOAT, dims)),
      outputs.map(({ name, like }) => makeValueInfo(name, DataType.FLOAT, this.#feeds[like].dims)),
      STEP_OPSET,
    );
    const options = trainingSession(this.#threads);
    const session = await this.#runtime.createSession(encodeModel(graph), options);
    await session.run(feeds);
    return new Runner(candidate.name, session, feeds);
  }
}

/** A candidate that is ready to run. */
class Runner implements Timing {
  readonly name: string;
  readonly #session: Session;
  readonly #feeds: Tensors;
  /** Of its fastest run. */
  milliseconds = Number.POSITIVE_INFINITY;

  constructor(name: string, session: Session, feeds: Tensors) {
    this.name = name;
    this.#session = session;
    this.#feeds = feeds;
  }

  async run(): Promise<void> {
    const started = performance.now();
    await this.#session.run(this.#feeds);
    this.milliseconds = Math.min(this.milliseconds, performance.now() - started);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

function preferred(timings: readonly Timing[], usual: string): Timing {
  const none: Timing = { name: usual, milliseconds: Number.POSITIVE_INFINITY };
  const best = timings.reduce((a, b) => (b.milliseconds < a.milliseconds ? b : a), none);
  const known = timings.find(({ name }) => name === usual) ?? none;
  return best.milliseconds < WORTH_CHANGING * known.milliseconds ? best : known;
}

/** Numbers that are neither zero nor denormal, which processors treat specially. */
function wave(dims: readonly number[]): RuntimeTensor {
  const length = elementCount(dims);
  const data = Float32Array.from({ length }, (_, index) => ((index % 97) - 48.5) / 64);
  return { type: "float32", dims, data };
}
