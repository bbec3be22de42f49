import { equals } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as Kind,
} from "onnx-buf";
import { type Attribute, intsAttribute } from "../../graph/attributes.ts";
import { constantValue } from "../../graph/constants.ts";
import type { Graph, Node } from "../../graph/graph.ts";
import { indexOf } from "../../graph/index.ts";
import { nodeOrigin } from "../../graph/node-origin.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { sameConstraint, weightRules } from "../../graph/weight-rules.ts";
import { noPlace } from "../no-place.ts";
import { sameSizes } from "./weight-layout.ts";

/**
 * The proof before a file is written: what it would be read as is the graph that it is made of.
 *
 * @param kind of model, "a Keras model".
 * @throws InputError saying where the two differ.
 */
export function requireSameGraph(expected: Graph, found: Graph, kind: string): void {
  const difference = graphDifference(expected, found);
  if (difference === undefined) return;
  throw noPlace(`the changes cannot be written as ${kind}: ${difference}`);
}

/**
 * Compares what two graphs compute, node for node from the outputs up: the same operators with the
 * same attributes and the same numbers, whatever the names. Values that are only turned around and
 * back, or passed on, count as the values they were.
 *
 * @returns where they differ, as a clause; undefined for the same computation.
 */
export function graphDifference(expected: Graph, found: Graph): string | undefined {
  const inputs = (graph: Graph) => graph.inputs.map(({ name }) => name).join(", ");
  if (inputs(expected) !== inputs(found)) return `the inputs are ${inputs(found)}`;
  if (expected.outputs.length !== found.outputs.length) return "the number of outputs differs";
  const pairs = expected.outputs.map(
    ({ name }, i) => [name, found.outputs[i]?.name ?? ""] as const,
  );
  const seen = new Map<string, string>();
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const [a, b] = [unturned(expected, pair[0]), unturned(found, pair[1])];
    const [left, right] = [`${a.value}|${a.order}`, `${b.value}|${b.order}`];
    if (seen.get(left) === right) continue;
    seen.set(left, right);
    const difference = valueDifference(expected, a, found, b);
    if (difference !== undefined) return difference;
    const [one, other] = [indexOf(expected).producer(a.value), indexOf(found).producer(b.value)];
    if (one === undefined || other === undefined) continue;
    for (const [index, input] of one.input.entries()) {
      if (input !== "") pairs.push([input, other.input[index] ?? ""]);
    }
  }
  return undefined;
}

interface Turned {
  readonly value: string;
  /** How the value's axes are permuted; empty for not at all. */
  readonly order: readonly number[];
}

/** The value behind Transpose and Identity nodes. */
function unturned(graph: Graph, start: string): Turned {
  let value = start;
  let order: readonly number[] = [];
  for (;;) {
    const producer = indexOf(graph).producer(value);
    const perm = producer && intsAttribute(producer, "perm");
    const plain = producer !== undefined && nodeOrigin(producer) === undefined;
    if (plain && producer.opType === "Transpose" && perm !== undefined) {
      const before = order;
      order = before.length === 0 ? perm : before.map((axis) => perm[axis] ?? axis);
    } else if (!plain || producer.opType !== "Identity") break;
    value = producer.input[0] ?? "";
  }
  return { value, order: order.every((axis, index) => axis === index) ? [] : order };
}

function valueDifference(expected: Graph, a: Turned, found: Graph, b: Turned): string | undefined {
  const what = a.value === "" ? "an input that is left out" : a.value;
  if (`${a.order}` !== `${b.order}`) return `the axes of ${what} are in another order`;
  if (a.value === "" || b.value === "") return a.value === b.value ? undefined : `${what} differs`;
  const [left, right] = [constantValue(expected, a.value), constantValue(found, b.value)];
  if (left !== undefined || right !== undefined) {
    return sameNumbers(left, right) ? undefined : `the numbers of ${what} cannot be stored`;
  }
  const [one, other] = [indexOf(expected).producer(a.value), indexOf(found).producer(b.value)];
  if (one === undefined || other === undefined) {
    const same = one === other && a.value === b.value;
    return same ? undefined : `${label(one, a.value)} has no counterpart`;
  }
  if (sameOperator(one, other)) return ruleDifference(expected, one, other);
  return `${label(one, a.value)} has no counterpart in it`;
}

/** A rule of a weight that the file does not state; what it states beyond is its own. */
function ruleDifference(graph: Graph, expected: Node, found: Node): string | undefined {
  for (const [input, value] of expected.input.entries()) {
    const [rules, others] = [weightRules(expected, input), weightRules(found, input)];
    const dims = constantValue(graph, value)?.dims ?? [];
    const { constraint, regularizer } = rules;
    const lost =
      constraint !== undefined &&
      !(others.constraint && sameConstraint(constraint, others.constraint, dims));
    if (lost) return `the constraint of ${label(expected, value)} has no counterpart in it`;
    const { l1 = 0, l2 = 0 } = others.regularizer ?? {};
    if (regularizer !== undefined && (l1 !== regularizer.l1 || l2 !== regularizer.l2)) {
      return `the regularizer of ${label(expected, value)} has no counterpart in it`;
    }
  }
  return undefined;
}

function sameNumbers(a: Tensor | undefined, b: Tensor | undefined): boolean {
  if (a === undefined || b === undefined || a.dataType !== b.dataType) return false;
  return sameSizes(a.dims, b.dims) && Buffer.compare(a.data.read(), b.data.read()) === 0;
}

function sameOperator(a: Node, b: Node): boolean {
  const inputs = (node: Node) => node.input.join("\n").trimEnd().split("\n").length;
  if (a.opType !== b.opType || a.domain !== b.domain || inputs(a) !== inputs(b)) return false;
  const sorted = (node: Node) =>
    node.attribute
      .filter((attribute) => !isDefault(node.opType, attribute))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
  const [left, right] = [sorted(a), sorted(b)];
  return (
    left.length === right.length &&
    left.every((attribute, index) => sameAttribute(attribute, right[index] as Attribute))
  );
}

/** Numbers that say what a node without the attribute does. */
const DEFAULTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  BatchNormalization: { epsilon: 1e-5, momentum: 0.9 },
};

function isDefault(opType: string, { name, type, f }: Attribute): boolean {
  const number = DEFAULTS[opType]?.[name];
  return type === Kind.FLOAT && number !== undefined && Math.fround(f) === Math.fround(number);
}

/** A number that is not from a file has digits that no file keeps. */
function sameAttribute(a: Attribute, b: Attribute): boolean {
  if (a.type === Kind.FLOAT && b.type === Kind.FLOAT && a.name === b.name) {
    return Math.fround(a.f) === Math.fround(b.f);
  }
  return equals(AttributeProtoSchema, a as AttributeProto, b as AttributeProto);
}

function label(node: Node | undefined, value: string): string {
  return node === undefined ? value : `${node.opType} ${node.name || value}`;
}
