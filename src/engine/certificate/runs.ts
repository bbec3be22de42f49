import { encodeModel } from "../../formats/onnx/write.ts";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { requireComputed } from "../../graph/opaque-node.ts";
import type { Runtime, RuntimeTensor, Session, Tensors } from "../../runtime/runtime.ts";
import { throwIfCancelled } from "../context.ts";

/** The runtime refused a model or an input; the message is the first line of its own. */
export class CannotRun extends Error {
  override readonly name = "CannotRun";
}

/** What all runs of one certificate share. */
export interface RunContext {
  readonly runtime: Runtime;
  readonly signal: AbortSignal | undefined;
  readonly threads: number | undefined;
  /** Called after each run. */
  readonly onRun: () => void;
}

/**
 * Runs a model with given feeds; the session's own errors become CannotRun.
 *
 * @param outputs the names to compute; all outputs when left out.
 */
export type Run = (
  feeds: Tensors,
  outputs?: readonly string[],
) => Promise<Readonly<Record<string, RuntimeTensor>>>;

/**
 * Loads a graph as it stands, runs it as often as asked and releases it. Optimizations are off:
 * what is compared is the file, not what the runtime makes of it. One session lives at a time, so
 * that a certificate needs memory for one copy of the model.
 */
export async function withModel<Result>(
  context: RunContext,
  graph: Graph,
  use: (run: Run) => Promise<Result>,
): Promise<Result> {
  const session = await load(context, graph);
  try {
    return await use(async (feeds, outputs) => {
      if (context.signal !== undefined) throwIfCancelled(context.signal);
      const results = await session.run(feeds, outputs).catch(refuse);
      context.onRun();
      return results;
    });
  } finally {
    await session.release();
  }
}

async function load(context: RunContext, graph: Graph): Promise<Session> {
  if (context.signal !== undefined) throwIfCancelled(context.signal);
  let bytes: Uint8Array;
  try {
    requireComputed(graph);
    bytes = encodeModel(graph);
  } catch (error) {
    if (error instanceof InputError) throw new CannotRun(error.message);
    throw error;
  }
  const threads = context.threads === undefined ? {} : { threads: context.threads };
  const options = { optimization: "disabled", ...threads } as const;
  return context.runtime.createSession(bytes, options).catch(refuse);
}

function refuse(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  throw new CannotRun(message.split("\n")[0]?.trim() ?? message);
}

/** Some of a run's results, by name. */
export function pick(
  outputs: Tensors,
  names: readonly string[],
): ReadonlyMap<string, RuntimeTensor> {
  const picked = new Map<string, RuntimeTensor>();
  for (const name of names) {
    const tensor = outputs[name];
    if (tensor !== undefined) picked.set(name, tensor);
  }
  return picked;
}
