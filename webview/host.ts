/** The one door to the extension host: typed messages out, typed messages in, and a kept state. */

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

export interface Host<To, From, State> {
  send(message: From): void;
  /** Calls back for every message; returns how to stop. */
  listen(receive: (message: To) => void): () => void;
  restore(): State | undefined;
  keep(state: State): void;
}

/** VS Code hands its API out once a page. */
export function connectHost<To, From, State>(): Host<To, From, State> {
  const api = acquireVsCodeApi();
  return {
    send: (message) => api.postMessage(message),
    listen(receive) {
      // Only VS Code's own wrapper around this frame can post here.
      const onMessage = (event: MessageEvent<To>) => receive(event.data);
      window.addEventListener("message", onMessage);
      return () => window.removeEventListener("message", onMessage);
    },
    restore: () => (api.getState() ?? undefined) as State | undefined,
    keep: (state) => api.setState(state),
  };
}
