import type { RequestContext } from "../../src/engine/context.ts";

/** A request that nobody cancels and nobody watches. */
export const context: RequestContext = {
  signal: new AbortController().signal,
  progress: () => undefined,
  trainingEvent: () => undefined,
};
