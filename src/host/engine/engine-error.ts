import { ErrorCodes, ResponseError } from "vscode-jsonrpc/node";
import { CANCELLED_CODE, INPUT_ERROR_CODE } from "../../protocol/engine.ts";

/** The engine process ended twice in a row while it worked on one request. */
export class EngineStoppedError extends Error {
  override readonly name = "EngineStoppedError";

  constructor(work: string, cause: string) {
    super(
      `The NormLens engine stopped unexpectedly (${cause}) while ${work}, and again when that was repeated. No file was changed; the engine log says more.`,
    );
  }
}

/** A request that was cancelled by the user; surfaces stay silent about it. */
export class CancelledError extends Error {
  override readonly name = "CancelledError";

  constructor() {
    super("Cancelled");
  }
}

/** The engine's refusals carry the sentence for the user; everything else is a fault of ours. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ResponseError && error.code === INPUT_ERROR_CODE;
}

export function isCancellation(error: unknown): boolean {
  if (error instanceof CancelledError) return true;
  if (error instanceof ResponseError) return error.code === CANCELLED_CODE;
  // VS Code's own cancellation, for example of a text request that nobody waits for any more.
  return error instanceof Error && error.name === "Canceled";
}

/** The one sentence that a person reads about a failure. */
export function sentenceOf(error: unknown): string {
  if (isRefusal(error)) return (error as Error).message;
  if (error instanceof ResponseError && error.code === ErrorCodes.MethodNotFound) {
    return "This engine cannot do that yet.";
  }
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ResponseError)) return message;
  // A fault of the engine comes with its stack, which is for the log.
  const [first] = message.split("\n");
  return `NormLens made a mistake of its own (${first?.trim()}). The engine log says more.`;
}
