/** Stands in for the engine process: answers, dies and hangs as the test asks by the path. */
import { existsSync, writeFileSync } from "node:fs";
import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  ResponseError,
} from "vscode-jsonrpc/node";

const connection = createMessageConnection(
  new IPCMessageReader(process),
  new IPCMessageWriter(process),
);

connection.onRequest("close", ({ path }) => answer(path));
connection.onRequest("train", ({ path }) => answer(path));
connection.onRequest("open", ({ path }, token) =>
  path === "hang"
    ? new Promise((_, reject) =>
        token.onCancellationRequested(() => reject(new ResponseError(2, "cancelled"))),
      )
    : answer(path),
);
process.on("disconnect", () => process.exit(0));
connection.listen();

function answer(path) {
  if (path === "refuse") throw new ResponseError(1, "model.onnx: it is cut off");
  if (path === "fault") throw new ResponseError(-32603, "TypeError: x\n    at y.js:1:1");
  if (path === "die") process.exit(3);
  if (path === "block") {
    // As a long step does: nothing else happens in this process, for a minute.
    connection.sendNotification("progress", { message: "Blocked" });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
  }
  if (path.startsWith("die-once:")) {
    const mark = path.slice("die-once:".length);
    if (!existsSync(mark)) {
      writeFileSync(mark, "");
      process.kill(process.pid, "SIGKILL");
      return new Promise(() => undefined);
    }
  }
  connection.sendNotification("progress", { message: "Reading", fraction: 0.5 });
  return process.pid;
}
