/**
 * An esbuild plugin that leaves Node's `net` out of a bundle.
 *
 * vscode-jsonrpc brings transports over sockets beside the pipe to the child process that NormLens
 * uses. Without `net` nothing in the bundle can open a port, whoever calls it.
 *
 * @type {import("esbuild").Plugin}
 */
export const noSockets = {
  name: "no-sockets",
  setup(build) {
    build.onResolve({ filter: /^(node:)?net$/ }, () => ({ path: "net", namespace: "left-out" }));
    build.onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: "" }));
  },
};
