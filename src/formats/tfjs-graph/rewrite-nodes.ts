import type { Graph, Node } from "../../graph/graph.ts";
import { indexOf } from "../../graph/index.ts";
import { nodeOrigin } from "../../graph/node-origin.ts";
import type { JsonObject } from "../layers/json.ts";
import { noPlace, refuseRole } from "../no-place.ts";
import { type ConstantChanges, constantChanges } from "./constant-changes.ts";
import { FileNodes } from "./file-nodes.ts";
import { type NodeDef, referenceText, type TensorReference } from "./graph-def.ts";
import { type PartsByNode, partKey, partsByNode, unturnedValue, valueKey } from "./graph-parts.ts";
import { newOperation, type Placement } from "./new-nodes.ts";
import { PASSING } from "./passing.ts";
import type { TfjsGraphSource } from "./source.ts";
import type { WeightChanges } from "./weight-changes.ts";

export interface NodeChanges {
  /** The file's list of nodes; undefined where it stays as it is. */
  readonly nodes: readonly JsonObject[] | undefined;
  readonly weights: WeightChanges;
  /** Outputs of the signature that have another name now. */
  readonly outputs: ReadonlyMap<string, string>;
}

/**
 * What an edit of the graph amounts to in terms of the file's nodes. It only proposes: whoever writes
 * the result reads it again and compares it with the edited graph.
 *
 * @throws InputError naming the node that the format has no place for.
 */
export function rewriteNodes(source: TfjsGraphSource, edited: Graph): NodeChanges {
  const rewriter = new Rewriter(source, edited);
  rewriter.removeNodes();
  rewriter.changeConstants();
  rewriter.connect();
  const outputs = rewriter.connectOutputs();
  rewriter.file.removeUnread(source.signature.outputs);
  return { nodes: rewriter.file.nodes(), weights: rewriter.file.weights(), outputs };
}

class Rewriter {
  readonly file: FileNodes;
  readonly #before: PartsByNode;
  /** What is left of them: a part that became another operator counts as new. */
  readonly #after: PartsByNode;
  readonly #constants: ConstantChanges;
  /** The result of the file that a part of a node makes. */
  readonly #results = new Map<string, TensorReference>();
  /** The node that adds the bias of another. */
  readonly #biasNodes = new Map<string, string>();
  readonly #newBiases = new Map<string, string>();
  readonly #emitted = new Map<Node, string>();

  constructor(
    readonly source: TfjsGraphSource,
    readonly edited: Graph,
  ) {
    this.file = new FileNodes(source.definition);
    this.#before = partsByNode(source.read);
    this.#after = keptParts(this.#before, partsByNode(edited));
    this.#constants = constantChanges(source, edited, this.#after);
    for (const { node, use } of source.places) {
      if (use.reader !== undefined && use.reader.node !== node) {
        this.#biasNodes.set(node, use.reader.node);
      }
    }
    for (const node of source.definition.nodes.values()) {
      for (let output = 0; ; output++) {
        const value = source.values.get(referenceText({ node: node.name, output }));
        if (value === undefined) break;
        if (value.constant !== undefined) continue;
        const key = valueKey(source.read, value.value);
        const maker = (JSON.parse(key) as string[])[0];
        if (!this.#results.has(key) || maker === node.name) {
          this.#results.set(key, { node: node.name, output });
        }
      }
    }
  }

  removeNodes(): void {
    for (const [name, parts] of this.#before) {
      const left = this.#after.get(name);
      if (left === undefined) this.file.removed.add(name);
      const gone = [...parts.keys()].find((part) => !left?.has(part));
      if (left !== undefined && gone !== undefined) {
        throw noPlace(
          `node ${name}: a part of it is gone (${gone}), which its operator cannot do without`,
        );
      }
      if (left === undefined) this.#removeAround(name);
    }
    for (const name of this.#constants.dropped) this.file.removed.add(name);
  }

  /** A node that is gone takes its bias with it, and what dilates it. */
  #removeAround(name: string): void {
    const { entry, exit } = this.source.dilations.get(name) ?? {};
    for (const other of [this.#biasNodes.get(name), entry, exit]) {
      if (other !== undefined) this.file.removed.add(other);
    }
  }

  /** The node that has a node's result, which may be one behind it. */
  #resultNode(name: string): string {
    return this.source.dilations.get(name)?.exit ?? name;
  }

  changeConstants(): void {
    this.file.changeConstants(this.#constants.changed);
    for (const [name, numbers] of this.#constants.biases) {
      const bias = this.file.addConst(`${name}/bias`, numbers, name);
      const sum = this.file.freshName(`${name}/BiasAdd`);
      const { raw } = this.source.definition.nodes.get(name) as NodeDef;
      const { T = { type: "DT_FLOAT" }, data_format } = (raw.attr ?? {}) as JsonObject;
      const attr = data_format === undefined ? { T } : { T, data_format };
      const result = this.#resultNode(name);
      this.file.addBehind(result, { name: sum, op: "BiasAdd", input: [result, bias], attr });
      this.#newBiases.set(name, sum);
    }
  }

  /** Lets every node of the file read what its parts read now. */
  connect(): void {
    for (const node of this.source.definition.nodes.values()) {
      if (this.file.removed.has(node.name)) continue;
      const parts = this.#after.get(node.name);
      for (const [index, reference] of node.inputs.entries()) {
        const value = this.source.values.get(referenceText(reference));
        if (value === undefined || value.constant !== undefined) continue;
        if (this.#isDilation(reference.node, node.name)) continue;
        const key = valueKey(this.source.read, value.value);
        if (parts === undefined && this.#addsBiasTo(node, key)) continue;
        const now = parts === undefined ? this.#alias(value.value) : this.#readBy(node, key);
        if (now !== undefined && now !== this.#referenceAtRead(key)) {
          this.file.setInput(node.name, index, now);
        }
      }
    }
  }

  /** Whether one node reads the other in the middle of a dilated convolution, which stays as it is. */
  #isDilation(read: string, reader: string): boolean {
    const { dilations } = this.source;
    return dilations.get(reader)?.entry === read || dilations.get(read)?.exit === reader;
  }

  #addsBiasTo({ name }: NodeDef, key: string): boolean {
    const [maker] = JSON.parse(key) as string[];
    return this.#biasNodes.get(maker ?? "") === name;
  }

  /** What the parts of a node read now where they read the given value. */
  #readBy({ name }: NodeDef, key: string): string | undefined {
    for (const [part, before] of this.#before.get(name) ?? []) {
      const position = before.input.findIndex(
        (value) => value !== "" && valueKey(this.source.read, value) === key,
      );
      const after = this.#after.get(name)?.get(part);
      if (position >= 0 && after !== undefined) return this.#reference(after.input[position] ?? "");
    }
    return undefined;
  }

  /** What stands for a value of the read graph, for nodes that have no part in the graph. */
  #alias(value: string): string | undefined {
    const { value: start } = unturnedValue(this.source.read, value);
    const producer = indexOf(this.source.read).producer(start);
    const origin = producer && nodeOrigin(producer);
    if (producer === undefined || origin === undefined) return this.#atInput(start);
    const kept = this.#after.get(origin.layer)?.get(origin.part);
    const output = kept?.output[producer.output.indexOf(start)];
    if (output !== undefined) return this.#reference(output);
    if (indexOf(this.edited).producer(start) !== undefined) return this.#reference(start);
    return this.#alias(producer.input[0] ?? "");
  }

  #atInput(value: string): string | undefined {
    return this.source.definition.nodes.has(value) ? value : undefined;
  }

  #referenceAtRead(key: string): string | undefined {
    const [maker] = JSON.parse(key) as string[];
    const bias = this.#biasNodes.get(maker ?? "");
    if (bias !== undefined) return bias;
    const result = this.#results.get(key);
    return result && referenceText({ ...result, node: this.#resultNode(result.node) });
  }

  /** The result of the file that a value of the edited graph is. */
  #reference(start: string): string {
    const { value } = unturnedValue(this.edited, start);
    const producer = indexOf(this.edited).producer(value);
    if (producer === undefined) {
      const input = this.#atInput(value);
      if (input === undefined) throw noPlace(`the value ${value} has no counterpart in the file`);
      return input;
    }
    const kept = this.#kept(producer);
    if (kept === undefined) return this.#emit(producer);
    const key = partKey(kept.layer, kept.part, producer.output.indexOf(value));
    const result = this.#results.get(key);
    if (result === undefined) {
      throw noPlace(
        `node ${kept.layer}: something stands between its parts now, which is one operator`,
      );
    }
    const bias = this.#biasNodes.get(kept.layer);
    if (bias !== undefined && !this.file.removed.has(bias)) return bias;
    return (
      this.#newBiases.get(kept.layer) ??
      referenceText({ ...result, node: this.#resultNode(kept.layer) })
    );
  }

  #kept(node: Node): { readonly layer: string; readonly part: string } | undefined {
    const origin = nodeOrigin(node);
    const kept = origin && this.#after.get(origin.layer)?.get(origin.part) === node;
    return kept ? origin : undefined;
  }

  /** Writes a node that the edit added. */
  #emit(node: Node): string {
    const known = this.#emitted.get(node);
    if (known !== undefined) return known;
    refuseRole(node, "graph models of TensorFlow.js");
    const { op, attr, operands } = newOperation(this.edited, node, this.#placement(node));
    const data = operands.flatMap((each) => ("value" in each ? [this.#reference(each.value)] : []));
    // Nodes of a graph model may stand in any order; behind what it reads is where it is looked for.
    const anchor = this.#anchor(data[0] ?? "");
    const name = this.file.freshName(newName(node));
    const inputs = operands.map((each, index) =>
      "value" in each
        ? this.#reference(each.value)
        : this.file.addConst(
            `${name}/${index === 1 ? "constant" : `constant${index}`}`,
            each.numbers,
            anchor,
          ),
    );
    this.file.addBehind(anchor, { name, op, input: inputs, attr });
    this.#emitted.set(node, name);
    return name;
  }

  #anchor(reference: string): string {
    const name = reference.replace(/:\d+$/, "");
    if (this.source.definition.nodes.has(name)) return name;
    return [...this.source.definition.nodes.keys()].at(-1) ?? "";
  }

  /** How the operand of a new node that is not constant lies in the graph. */
  #placement(node: Node): Placement {
    for (const input of node.input) {
      const { value, turns } = unturnedValue(this.edited, input);
      const producer = indexOf(this.edited).producer(value);
      if (producer === undefined && this.#atInput(value) === undefined) continue;
      const kept = producer && this.#kept(producer);
      if (producer !== undefined && kept === undefined) return this.#placement(producer);
      const key =
        kept === undefined
          ? JSON.stringify([value])
          : partKey(kept.layer, kept.part, producer?.output.indexOf(value) ?? 0);
      const result = this.#results.get(key);
      const read = result && this.source.values.get(referenceText(result));
      const moved = read?.moved ?? false;
      return { moved: turns.length % 2 === 0 ? moved : !moved, rank: read?.shape?.length };
    }
    return { moved: false, rank: undefined };
  }

  /** @returns the outputs that have another name now. */
  connectOutputs(): ReadonlyMap<string, string> {
    const renamed = new Map<string, string>();
    const { definition, signature } = this.source;
    for (const [index, output] of signature.outputs.entries()) {
      const value = this.edited.outputs[index]?.name ?? "";
      const text = referenceText(output);
      if (this.source.values.get(text)?.constant !== undefined) continue;
      const wanted = this.#reference(value);
      if (this.#passedOn(text) === wanted) continue;
      const node = definition.nodes.get(output.node) as NodeDef;
      if (this.file.removed.has(node.name) && output.output === 0) {
        const { T = { type: "DT_FLOAT" } } = (node.raw.attr ?? {}) as JsonObject;
        this.file.removed.delete(node.name);
        this.file.replace(node.name, {
          name: node.name,
          op: "Identity",
          input: [wanted],
          attr: { T },
        });
      } else if (PASSING.has(node.op)) this.file.setInput(node.name, output.output, wanted);
      else renamed.set(text, wanted);
    }
    return renamed;
  }

  /** A result behind nodes that only pass on what they read. */
  #passedOn(start: string): string {
    let text = start;
    for (let step = 0; step < this.source.definition.nodes.size; step++) {
      const match = /^(.*?)(?::(\d+))?$/.exec(text);
      const node = this.source.definition.nodes.get(match?.[1] ?? "");
      if (node === undefined || !PASSING.has(node.op)) return text;
      if (this.source.signature.inputs.includes(node.name)) return text;
      text = this.file.input(node, Number(match?.[2] ?? 0));
    }
    return text;
  }
}

function keptParts(before: PartsByNode, after: PartsByNode): PartsByNode {
  const kept = new Map<string, ReadonlyMap<string, Node>>();
  for (const [name, parts] of after) {
    const own = [...parts].filter(
      ([part, { opType }]) => before.get(name)?.get(part)?.opType === opType,
    );
    if (own.length > 0) kept.set(name, new Map(own));
  }
  return kept;
}

/** Names of nodes have no colon, which would name an output. */
function newName({ name, opType }: Node): string {
  return (name || opType).replaceAll(/[:^]/g, "_");
}
