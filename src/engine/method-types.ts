import type { EngineMethod, EngineParams, EngineResult } from "../protocol/engine.ts";
import type { RequestContext } from "./context.ts";

/** How the engine answers each of its requests. */
export type Methods = {
  readonly [M in EngineMethod]: (
    params: EngineParams<M>,
    context: RequestContext,
  ) => Promise<EngineResult<M>>;
};
