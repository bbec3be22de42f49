import { readFileSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { DataType } from "../graph/data-type.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { bodiesOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import { inferTypes } from "../operators/infer-shapes.ts";
import type { ValueType } from "../operators/operator.ts";
import type { MemoryEstimate } from "../protocol/training.ts";
import type { StepGraph } from "./step-graph.ts";

/** Results that are a view of their input. */
const VIEWS: ReadonlySet<string> = new Set("Reshape Flatten Squeeze Unsqueeze Identity".split(" "));

/** What a session takes besides its values: threads, code, nodes; measured, 25 to 35 MB. */
const SESSION_BYTES = 32e6;

/**
 * ONNX Runtime's first run takes a piece for each value; for all later runs it has planned one block,
 * and keeps both.
 */
const COPIES_WHERE_PLANNED = 2;

/**
 * A training step with more alive goes without the block: it would not fit into a processor's cache
 * either, and a ResNet-18's memory is an eighth less. In bytes.
 */
const LARGEST_PLANNED = 100e6;

/** Whether the values between a training step's nodes should lie in one planned block. */
export function planMemory(working: number): boolean {
  return working <= LARGEST_PLANNED;
}

function copiesOf(working: number): number {
  return planMemory(working) ? COPIES_WHERE_PLANNED : 1;
}

/**
 * Bytes that a run needs beyond what it has when it starts:
 *
 *   2 sessions + 2·state sets + 2·weights (the best and a snapshot) + 2·constants (as bytes of the
 *   model and in ONNX Runtime) + copies·most alive in a training step + 2·most alive in an evaluation
 */
export function estimateMemory(step: StepGraph, evaluation: Graph): MemoryEstimate {
  const sizes = step.state.map(({ dims, kind }) => ({ kind, bytes: 4 * elementCount(dims) }));
  const all = sum(sizes.map(({ bytes }) => bytes));
  const weights = sum(sizes.filter(({ kind }) => kind !== "slot").map(({ bytes }) => bytes));
  const constants = [step.graph, evaluation].flatMap(({ initializers }) =>
    [...initializers.values()].map(({ data }) => data.byteLength),
  );
  const state = 2 * all + 2 * weights;
  const working = mostAlive(step.graph);
  const evaluating = mostAlive(evaluation);
  const values = copiesOf(working) * working + COPIES_WHERE_PLANNED * evaluating;
  const total = 2 * SESSION_BYTES + state + 2 * sum(constants) + values;
  return { state, working, evaluating, total };
}

/**
 * @throws InputError where more is needed than there is, with the batch size that would fit.
 * @param free bytes, see freeMemory.
 */
export function refuseTooLarge(estimate: MemoryEstimate, batchSize: number, free: number): void {
  if (estimate.total <= free) return;
  const working = copiesOf(estimate.working) * estimate.working;
  const fitting = Math.floor((batchSize * (free - (estimate.total - working))) / working);
  const advice = fitting >= 1 ? `batchSize ${fitting} fits` : "no batch size would fit";
  throw new InputError(
    `batchSize ${batchSize}: training needs about ${gigabytes(estimate.total)} of memory, and ${gigabytes(free)} are free; ${advice}`,
  );
}

/**
 * Bytes that this process may still take: what the system could give, and what its control group
 * leaves, whichever is less.
 */
export function freeMemory(): number {
  // On a Mac "free" leaves out all that the system would give back at once.
  const system = process.platform === "darwin" ? totalmem() : freemem();
  return Math.min(system, controlGroupMemory());
}

function controlGroupMemory(): number {
  const second = "/sys/fs/cgroup";
  const first = "/sys/fs/cgroup/memory";
  const limit = fileNumber(`${second}/memory.max`) ?? fileNumber(`${first}/memory.limit_in_bytes`);
  const used =
    fileNumber(`${second}/memory.current`) ?? fileNumber(`${first}/memory.usage_in_bytes`);
  if (limit === undefined || used === undefined) return Number.POSITIVE_INFINITY;
  const statistics = fileText(`${second}/memory.stat`) ?? fileText(`${first}/memory.stat`) ?? "";
  // Pages of files that nobody reads now are given back when memory is asked for.
  const given = Number(/^(?:total_)?inactive_file (\d+)$/m.exec(statistics)?.[1] ?? 0);
  return Math.max(0, limit - (used - given));
}

function fileNumber(path: string): number | undefined {
  const text = fileText(path)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function fileText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * The most bytes of values between nodes that are alive at once: a value lives from the node that
 * makes it to the last one that reads it. Inputs, constants and outputs have buffers of their own.
 */
export function mostAlive(graph: Graph): number {
  const { types } = inferTypes(graph, new Map());
  const owned = new Set([...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name)]);
  for (const { name } of graph.outputs) owned.add(name);
  const roots = new Map<string, string>();
  const root = (name: string) => roots.get(name) ?? name;
  const lastUse = new Map<string, Node>();
  for (const node of graph.nodes) {
    const [input = ""] = node.input;
    if (VIEWS.has(node.opType)) roots.set(node.output[0] ?? "", root(input));
    for (const name of readsOf(node)) lastUse.set(root(name), node);
  }
  const size = (name: string) =>
    owned.has(name) || roots.has(name) ? 0 : valueBytes(types.get(name));
  let [alive, most] = [0, 0];
  for (const node of graph.nodes) {
    alive += sum(node.output.map(size));
    most = Math.max(most, alive);
    const ended = new Set(
      readsOf(node)
        .map(root)
        .filter((name) => lastUse.get(name) === node),
    );
    alive -= sum([...ended].map(size));
    alive -= sum(node.output.filter((name) => !lastUse.has(root(name))).map(size));
  }
  return most;
}

/** What a node reads, its branches included. */
function readsOf(node: Node): readonly string[] {
  return [...node.input, ...bodiesOf(node).flatMap((body) => body.node.flatMap(readsOf))];
}

/** Bytes of an element, where it is not 4. */
const ELEMENT_BYTES: ReadonlyMap<DataType, number> = new Map([
  [DataType.BOOL, 1],
  [DataType.UINT8, 1],
  [DataType.INT8, 1],
  [DataType.FLOAT16, 2],
  [DataType.INT64, 8],
  [DataType.DOUBLE, 8],
]);

function valueBytes(type: ValueType | undefined): number {
  const shape = type?.shape.map(Number) ?? [];
  if (type === undefined || !shape.every(Number.isInteger)) return 0;
  return elementCount(shape) * (ELEMENT_BYTES.get(type.dataType) ?? 4);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toPrecision(3)} GB`;
}
