import type { JsonObject } from "../layers/json.ts";
import { type ChangedConstant, sameNumbers } from "./constant-changes.ts";
import type { GraphDef, NodeDef, TensorReference } from "./graph-def.ts";
import { constNode, resizedConst } from "./new-nodes.ts";
import { PASSING } from "./passing.ts";
import type { NewNumbers, WeightChanges } from "./weight-changes.ts";

/** The nodes of a file while they are changed. */
export class FileNodes {
  readonly removed = new Set<string>();
  readonly #inputs = new Map<string, Map<number, string>>();
  readonly #raw = new Map<string, JsonObject>();
  /** New nodes, by the node that they stand behind. */
  readonly #behind = new Map<string, JsonObject[]>();
  readonly #replaced = new Map<string, NewNumbers>();
  readonly #added = new Map<string, NewNumbers>();
  readonly #taken: Set<string>;

  constructor(readonly definition: GraphDef) {
    this.#taken = new Set(definition.nodes.keys());
  }

  freshName(stem: string): string {
    let name = stem;
    for (let suffix = 1; this.#taken.has(name); suffix++) name = `${stem}_${suffix}`;
    this.#taken.add(name);
    return name;
  }

  /** @param index among the inputs that the node computes with. */
  setInput(node: string, index: number, reference: string): void {
    const inputs = this.#inputs.get(node) ?? new Map<number, string>();
    this.#inputs.set(node, inputs.set(index, reference));
  }

  /** What a node reads now. */
  input(node: NodeDef, index: number): string {
    const position = node.inputPositions[index] ?? index;
    const stated = (node.raw.input as readonly string[] | undefined)?.[position] ?? "";
    return this.#inputs.get(node.name)?.get(index) ?? stated.replace(/:0$/, "");
  }

  /** Puts another node in a node's place. */
  replace(name: string, raw: JsonObject): void {
    this.#raw.set(name, raw);
    this.#inputs.delete(name);
  }

  addBehind(anchor: string, raw: JsonObject): void {
    this.#behind.set(anchor, [...(this.#behind.get(anchor) ?? []), raw]);
  }

  addConst(stem: string, numbers: NewNumbers, anchor: string): string {
    const name = this.freshName(stem);
    this.addBehind(anchor, constNode(name, numbers));
    this.#added.set(name, numbers);
    return name;
  }

  /**
   * Gives constants their new numbers: in their place where all who read one agree, otherwise as a
   * Const of its own for each of the different readers.
   */
  changeConstants(changes: readonly ChangedConstant[]): void {
    for (const stored of new Set(changes.map((change) => change.stored))) {
      const own = changes.filter((change) => change.stored === stored);
      const [first] = own as [ChangedConstant];
      const readers = this.#readersOf(stored);
      const all = readers.every(({ node, index }) =>
        own.some(({ reader }) => reader.node === node && reader.input === index),
      );
      if (all && own.every(({ numbers }) => sameNumbers(numbers, first.numbers))) {
        this.#replaced.set(stored, first.numbers);
        const { raw } = this.definition.nodes.get(stored) as NodeDef;
        this.#raw.set(stored, resizedConst(raw, first.numbers));
      } else this.#separate(own);
    }
  }

  #separate(changes: readonly ChangedConstant[]): void {
    const made: { name: string; numbers: NewNumbers }[] = [];
    for (const { stored, reader, numbers } of changes) {
      let known = made.find((each) => sameNumbers(each.numbers, numbers));
      if (known === undefined) {
        known = { name: this.addConst(`${stored}/changed`, numbers, stored), numbers };
        made.push(known);
      }
      this.setInput(reader.node, reader.input, known.name);
    }
  }

  /** Who computes with a constant, behind nodes that only pass it on. */
  #readersOf(stored: string): { readonly node: string; readonly index: number }[] {
    const names = new Set([stored]);
    const found: { node: string; index: number }[] = [];
    const nodes = [...this.definition.nodes.values()];
    for (let before = 0; before < names.size; ) {
      before = names.size;
      for (const node of nodes) {
        if (PASSING.has(node.op) && node.inputs.some((input) => names.has(input.node))) {
          names.add(node.name);
        }
      }
    }
    for (const node of nodes) {
      if (names.has(node.name) || this.removed.has(node.name)) continue;
      for (const [index, input] of node.inputs.entries()) {
        if (names.has(input.node)) found.push({ node: node.name, index });
      }
    }
    return found;
  }

  /** Takes out constants, and what passes them on, that nobody reads any longer. */
  removeUnread(outputs: readonly TensorReference[]): void {
    const nodes = [...this.definition.nodes.values()];
    const before = new Set(nodes.flatMap(({ inputs }) => inputs.map(({ node }) => node)));
    const kept = new Set(outputs.map(({ node }) => node));
    for (;;) {
      const read = this.#readNames();
      const unread = nodes.filter(
        ({ name, op }) =>
          (op === "Const" || PASSING.has(op)) &&
          before.has(name) &&
          !read.has(name) &&
          !kept.has(name) &&
          !this.removed.has(name),
      );
      if (unread.length === 0) return;
      for (const { name } of unread) this.removed.add(name);
    }
  }

  /** The nodes that something in the changed file computes with. */
  #readNames(): ReadonlySet<string> {
    const inputs = (this.nodes() ?? [...this.definition.nodes.values()].map(({ raw }) => raw))
      .flatMap((raw) => (raw.input ?? []) as readonly string[])
      .filter((text) => !text.startsWith("^"));
    return new Set(inputs.map((text) => text.replace(/:\d+$/, "")));
  }

  /** The list for the file; undefined where nothing changed. */
  nodes(): JsonObject[] | undefined {
    const list: JsonObject[] = [];
    let changed = false;
    for (const node of this.definition.nodes.values()) {
      const raw = this.removed.has(node.name) ? undefined : this.#rewritten(node);
      const behind = this.#behind.get(node.name) ?? [];
      if (raw !== node.raw || behind.length > 0) changed = true;
      if (raw !== undefined) list.push(raw);
      list.push(...behind);
    }
    return changed ? list : undefined;
  }

  #rewritten(node: NodeDef): JsonObject {
    const raw = this.#raw.get(node.name) ?? node.raw;
    const stated = (raw.input ?? []) as readonly string[];
    // A node that is gone need not be waited for.
    const gone = stated.some((text) => text.startsWith("^") && this.removed.has(text.slice(1)));
    const inputs = this.#inputs.get(node.name);
    if (inputs === undefined && !gone) return raw;
    const input = stated.flatMap((text, position): string[] => {
      if (text.startsWith("^")) return this.removed.has(text.slice(1)) ? [] : [text];
      return [inputs?.get(node.inputPositions.indexOf(position)) ?? text];
    });
    return { ...raw, input };
  }

  weights(): WeightChanges {
    const isConst = (name: string) => this.definition.nodes.get(name)?.op === "Const";
    const removed = new Set([...this.removed].filter(isConst));
    return { replaced: this.#replaced, removed, added: this.#added };
  }
}
