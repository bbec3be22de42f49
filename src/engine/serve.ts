import {
  type CancellationToken,
  createMessageConnection,
  ErrorCodes,
  IPCMessageReader,
  IPCMessageWriter,
  ResponseError,
} from "vscode-jsonrpc/node";
import { InputError } from "../graph/input-error.ts";
import { CANCELLED_CODE, INPUT_ERROR_CODE, PROGRESS, TRAINING_EVENT } from "../protocol/engine.ts";
import { isCancelled, type RequestContext } from "./context.ts";

type Handler = (params: never, context: RequestContext) => Promise<unknown>;

/** Answers requests as JSON-RPC over the IPC channel of the process that forked this one. */
export function serve(methods: Readonly<Record<string, Handler>>): void {
  const connection = createMessageConnection(
    new IPCMessageReader(process),
    new IPCMessageWriter(process),
  );
  const requestContext = (token: CancellationToken): RequestContext => {
    const abort = new AbortController();
    if (token.isCancellationRequested) abort.abort();
    token.onCancellationRequested(() => abort.abort());
    return {
      signal: abort.signal,
      progress: (notification) => void connection.sendNotification(PROGRESS, notification),
      trainingEvent: (event) => void connection.sendNotification(TRAINING_EVENT, event),
    };
  };
  for (const [method, handle] of Object.entries(methods)) {
    connection.onRequest(method, async (params: unknown, token: CancellationToken) => {
      try {
        return await handle(params as never, requestContext(token));
      } catch (error) {
        throw asResponseError(error);
      }
    });
  }
  // Without its host the process has nobody to work for.
  process.on("disconnect", () => process.exit(0));
  connection.listen();
}

function asResponseError(error: unknown): ResponseError {
  if (isCancelled(error)) return new ResponseError(CANCELLED_CODE, "Cancelled.");
  if (error instanceof InputError) return new ResponseError(INPUT_ERROR_CODE, error.message);
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new ResponseError(ErrorCodes.InternalError, message);
}
