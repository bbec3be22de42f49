import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { parseArgs } from "node:util";
import { folderUrl, launchVsCode } from "../test/vscode/harness/launch.ts";
import { root } from "../test/vscode/harness/paths.ts";
import { run } from "../test/vscode/harness/run.ts";

/**
 * `npm start -- [--port PORT] [--no-code]`: VS Code with the extension of this checkout, on a copy of
 * the samples. The VS Code of this machine is taken if it has one, else one that runs in a browser.
 */
const { values } = parseArgs({
  options: { port: { type: "string", default: "0" }, "no-code": { type: "boolean" } },
});

let stop = (): Promise<void> | void => {};
exitOnSignal();

const chosenPort = portFrom(values.port);
console.log("Building the extension.");
await run("node", ["esbuild.mjs"], { cwd: root });
const samples = await mkdtemp(join(tmpdir(), "normlens-samples-"));
await cp(join(root, "media", "samples"), samples, {
  recursive: true,
  filter: (path) => basename(path) !== "generate",
});
console.log(`The samples are in ${samples}. The folder stays there when VS Code is closed.`);

if (!values["no-code"] && isOnPath("code")) {
  await openOnDesktop();
} else {
  await serveInBrowser();
}

async function openOnDesktop(): Promise<void> {
  console.log(
    "Opening VS Code with the extension. Ctrl-C or closing its window ends this command.",
  );
  const window = ["--new-window", "--wait", `--extensionDevelopmentPath=${root}`, samples];
  const code = spawn("code", window, { stdio: "inherit", shell: process.platform === "win32" });
  stop = () => void code.kill();
  const status = await new Promise<number | null>((resolve) => code.once("exit", resolve));
  if (status) {
    console.error(
      `"code" ended with ${status}. One that runs in a browser: npm start -- --no-code`,
    );
  }
  process.exit(status ?? 0);
}

async function serveInBrowser(): Promise<void> {
  const vscode = await launchVsCode({ extension: root, port: chosenPort, report: console.log });
  stop = vscode.stop;
  console.log(`VS Code with the extension: ${folderUrl(vscode.url, samples)}`);
  console.log("Open the address in a browser. Ctrl-C ends VS Code.");
}

/** Only the first signal counts: Ctrl-C reaches npm and this process, and npm passes it on. */
function exitOnSignal(): void {
  let stopping = false;
  const end = async (): Promise<void> => {
    if (!stopping) {
      stopping = true;
      await stop();
      process.exit(0);
    }
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, end);
  }
  // npm runs this in a shell, and ends the shell when it is told to end, without a word to us.
  if (process.env.npm_lifecycle_event !== undefined) {
    const parent = process.ppid;
    setInterval(() => void (process.ppid !== parent && end()), 500).unref();
  }
}

function portFrom(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) {
    return number;
  }
  console.error(`--port wants a number from 0 to 65535, not "${text}".`);
  process.exit(2);
}

function isOnPath(command: string): boolean {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const names = process.platform === "win32" ? [`${command}.cmd`] : [command];
  return folders.some((folder) => names.some((name) => existsSync(join(folder, name))));
}
