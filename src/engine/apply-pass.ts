import type { Graph } from "../graph/graph.ts";
import { findPass } from "../passes/registry.ts";
import type { PassRequest } from "../protocol/engine.ts";
import type { RequestContext } from "./context.ts";
import { type AppliedPass, runPass } from "./run-pass.ts";

/** Runs the pass that a request names, out of all passes. */
export function applyPass(
  graph: Graph,
  request: PassRequest,
  context: RequestContext,
): Promise<AppliedPass> {
  return runPass(graph, findPass(request.pass), request, context);
}
