import { constantValue } from "../graph/constants.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { elementCount } from "../graph/tensor.ts";
import { activationFamily } from "../operators/nonlinearities.ts";
import { nodeLabel, type Refusal, refuse } from "./refusal.ts";

/** Operators with weights: what stands between two of them is a hidden layer. */
const LAYERS: ReadonlySet<string> = new Set(
  "Conv ConvTranspose Gemm MatMul LSTM GRU RNN".split(" "),
);

/** Nodes that a nonlinearity written in several goes through; longer ones are not known to us. */
const LONGEST_NONLINEARITY = 6;

/** A nonlinearity behind one layer and before another. */
export interface HiddenNonlinearity {
  readonly node: Node;
  /** The value it puts out (x·sigmoid(x) is the product), or why there is none to work on. */
  readonly output: string | Refusal;
}

/** Every nonlinearity that follows a layer, in node order. */
export function hiddenNonlinearities(graph: Graph): readonly HiddenNonlinearity[] {
  const behind = valuesBehindLayers(graph);
  const before = valuesBeforeLayers(graph);
  return graph.nodes.flatMap((node): HiddenNonlinearity[] => {
    const family = activationFamily(node);
    if (family === undefined || !behind.has(node.input[0] ?? "")) return [];
    const output = wholeOutput(graph, node);
    if (output === undefined) return [];
    if (typeof output === "object" || before.has(output)) return [{ node, output }];
    const reason = `No layer reads what ${nodeLabel(node)} makes, so it is not a hidden layer's.`;
    return [{ node, output: refuse(reason) }];
  });
}

function isLayer(node: Node): boolean {
  return isStandardDomain(node.domain) && LAYERS.has(node.opType);
}

function valuesBehindLayers(graph: Graph): ReadonlySet<string> {
  const reached = new Set<string>();
  for (const node of graph.nodes) {
    if (!isLayer(node) && !node.input.some((value) => reached.has(value))) continue;
    for (const output of node.output) reached.add(output);
  }
  return reached;
}

function valuesBeforeLayers(graph: Graph): ReadonlySet<string> {
  const needed = new Set<string>();
  for (const node of [...graph.nodes].reverse()) {
    if (!isLayer(node) && !node.output.some((value) => needed.has(value))) continue;
    for (const input of node.input) needed.add(input);
  }
  return needed;
}

/**
 * Where a nonlinearity that is written in several nodes ends: x·sigmoid(x), x·tanh(softplus(x)),
 * x·(1 + erf(x/√2))·½, x·clip(x + 3, 0, 6)/6 at their product or the factor behind it.
 *
 * @returns undefined for a part whose nonlinearity another node stands for.
 */
function wholeOutput(graph: Graph, start: Node): string | Refusal | undefined {
  const own = start.output[0] ?? "";
  const sources = sourcesOf(graph, start.input[0] ?? "");
  let value = own;
  for (let step = 0; step < LONGEST_NONLINEARITY; step++) {
    const uses = indexOf(graph).uses(value);
    const reader = uses.length === 1 ? uses[0]?.node : undefined;
    if (reader === undefined || !isStandardDomain(reader.domain)) break;
    const [other] = reader.input.filter((input) => input !== value);
    if (activationFamily(reader) !== undefined) return undefined;
    if (other === undefined || !ARITHMETIC.has(reader.opType)) break;
    if (constantValue(graph, other) === undefined) {
      if (reader.opType !== "Mul") break;
      return sources.has(other)
        ? throughFactors(graph, reader.output[0] ?? "")
        : refuse(
            `${nodeLabel(start)} is a gate: ${nodeLabel(reader)} multiplies ${other} by what it makes.`,
          );
    }
    value = reader.output[0] ?? "";
  }
  return start.opType === "Erf"
    ? refuse(`${nodeLabel(start)} is part of a nonlinearity whose end is not recognized.`)
    : own;
}

/** Behind the factor that ends GELU and x·clip(x + 3, 0, 6)/6. */
function throughFactors(graph: Graph, product: string): string {
  const uses = indexOf(graph).uses(product);
  const reader = uses.length === 1 ? uses[0]?.node : undefined;
  if (reader === undefined || !(reader.opType === "Mul" || reader.opType === "Div")) return product;
  const [other = ""] = reader.input.filter((input) => input !== product);
  const factor = constantValue(graph, other);
  return factor !== undefined && elementCount(factor.dims) === 1
    ? (reader.output[0] ?? "")
    : product;
}

const ARITHMETIC: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div"]);

/** The value a nonlinearity is of, and those it is computed from by one more nonlinearity or constants. */
function sourcesOf(graph: Graph, input: string): ReadonlySet<string> {
  const sources = new Set([input]);
  let value = input;
  for (let step = 0; step < LONGEST_NONLINEARITY; step++) {
    const producer = indexOf(graph).producer(value);
    if (producer === undefined) break;
    const passes = activationFamily(producer) !== undefined || ARITHMETIC.has(producer.opType);
    const varying = producer.input.filter((each) => constantValue(graph, each) === undefined);
    const [only = ""] = varying;
    if (!passes || varying.length !== 1) break;
    sources.add(only);
    value = only;
  }
  return sources;
}
