import { floatAttribute, makeAttribute } from "../graph/attributes.ts";
import { GraphBuilder, makeNode } from "../graph/builder.ts";
import { changeNode, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import { withRole } from "../graph/node-role.ts";
import { type NoiseStrength, noiseStrength } from "../operators/variational-dropout.ts";

/**
 * Under the root, so that its derivative is finite where a row of x is zero. Far below the variance
 * of any noise that matters, and float32 holds it.
 */
const SMALLEST_VARIANCE = 1e-16;

/** Linear operators whose result has a variance of the same form. */
const LAYERS: ReadonlySet<string> = new Set(["Gemm", "MatMul", "Conv", "ConvTranspose"]);

/**
 * The graph as it trains with variational dropout, in plain operators and one noise node (role
 * "gaussian-noise") a place, so that the gradients to x, W and log α are those of the operators:
 *
 *   units:    y = x + (x·exp(½·log α))·ε
 *   weights:  y = (x·W + b) + √(x²·(α·W²))·ε      with x²·… by the layer's own operator
 *
 * @throws InputError where something else than a layer reads a noisy weight.
 */
export function variationalForm(graph: Graph): Graph {
  const found = graph.nodes.flatMap((node) => {
    const strength = noiseStrength(graph, node);
    return strength === undefined ? [] : [{ node, strength }];
  });
  if (found.length === 0) return graph;
  const builder = new GraphBuilder(takenNames(graph));
  const replace = new Map<Node, readonly Node[]>();
  for (const { node, strength } of found) {
    const changed =
      strength.grain === "weight"
        ? noisyWeights(graph, builder, node, strength)
        : [[node, noisyUnits(builder, node, strength)] as const];
    for (const [old, nodes] of changed) replace.set(old, nodes);
  }
  return {
    ...graph,
    nodes: graph.nodes.flatMap((node) => replace.get(node) ?? [node]),
    initializers: new Map([...graph.initializers, ...builder.initializers]),
  };
}

function noisyUnits(
  builder: GraphBuilder,
  node: Node,
  { value: x, clipped }: NoiseStrength,
): Node[] {
  const steps = new Steps(builder, node);
  const root = steps.add("Exp", steps.add("Mul", clipped, builder.scalar(0.5)));
  const deviation = steps.add("Mul", x, root);
  return [...steps.nodes, noise(node, x, deviation, node.output[0] ?? "")];
}

/** Every layer that reads the weight gets noise of its own. */
function noisyWeights(
  graph: Graph,
  builder: GraphBuilder,
  node: Node,
  { value: weight, clipped }: NoiseStrength,
): (readonly [Node, readonly Node[]])[] {
  const [noisy = ""] = node.output;
  const layers = indexOf(graph).uses(noisy);
  const shared = new Steps(builder, node);
  const square = shared.add("Mul", weight, weight);
  const variances = shared.add("Mul", shared.add("Exp", clipped), square);
  const changed = layers.map(({ node: layer, input }) => {
    const position = layer.opType === "MatMul" ? 1 - input : 0;
    if (!LAYERS.has(layer.opType) || (input !== 1 && layer.opType !== "MatMul")) {
      throw new InputError(
        `node ${node.name}: variational dropout of a weight needs a layer that reads it, not ${layer.opType} ${layer.name}`,
      );
    }
    const x = layer.input[position] ?? "";
    const steps = new Steps(builder, layer);
    const mean = builder.freshName(`${layer.output[0]}_mean`);
    const squares = steps.add("Mul", x, x);
    const own = [squares, variances];
    const variance = builder.freshName(`${layer.output[0]}_variance`);
    steps.nodes.push(
      changeNode(layer, { output: [mean] }),
      changeNode(squaredFactors(layer), {
        name: variance,
        input: position === 0 ? own : own.reverse(),
        output: [variance],
      }),
    );
    const shifted = steps.add("Add", variance, builder.scalar(SMALLEST_VARIANCE));
    const deviation = steps.add("Sqrt", shifted);
    return [layer, [...steps.nodes, noise(layer, mean, deviation, layer.output[0] ?? "")]] as const;
  });
  // Penalties on weights are taken of what the layer reads, so that keeps its name.
  const quiet = makeNode("Identity", [weight], [noisy], { name: noisy });
  return [[node, [quiet, ...shared.nodes]], ...changed];
}

/** Var[α·x·W] = α²·Var[x·W], where α is Gemm's factor. */
function squaredFactors(layer: Node): Node {
  const alpha = floatAttribute(layer, "alpha", 1);
  if (layer.opType !== "Gemm" || alpha === 1) return layer;
  const others = layer.attribute.filter(({ name }) => name !== "alpha");
  const attribute = [...others, makeAttribute("alpha", { float: alpha * alpha })];
  return changeNode(layer, { attribute });
}

function noise(place: Node, mean: string, deviation: string, output: string): Node {
  const node = makeNode("Dropout", [mean, deviation], [output], { name: `${place.name}_noise` });
  return withRole(node, "gaussian-noise");
}

/** Nodes of one place, in order, with names after it. */
class Steps {
  readonly nodes: Node[] = [];
  readonly #builder: GraphBuilder;
  readonly #stem: string;

  constructor(builder: GraphBuilder, place: Node) {
    this.#builder = builder;
    this.#stem = place.output[0] ?? place.name;
  }

  add(opType: string, ...inputs: readonly string[]): string {
    const output = this.#builder.freshName(`${this.#stem}_${opType.toLowerCase()}`);
    this.nodes.push(makeNode(opType, inputs, [output], { name: output }));
    return output;
  }
}
