import type { ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { installVsCode, type VsCodeInstallation } from "./install-vscode.ts";
import { endGroup, spawnGroup } from "./process-group.ts";
import { run } from "./run.ts";
import { quietSettings } from "./settings.ts";

export interface LaunchOptions {
  /** The extension: a checkout that has been built, or a VSIX. Without it VS Code starts bare. */
  extension?: string;
  /** 0, the default, takes a free port. */
  port?: number;
  /** User settings, on top of the quiet defaults. */
  settings?: Record<string, unknown>;
  /** Ask for trust like a desktop VS Code does; restricted mode can then be tested. */
  workspaceTrust?: boolean;
  /** Variables for the server, and so for the extension host and the engine. */
  environment?: Record<string, string>;
  report?: (line: string) => void;
}

export interface RunningVsCode {
  /** The address of the server. */
  url: string;
  /** The process that leads the server's process group. */
  pid: number;
  userDataFolder: string;
  extensionsFolder: string;
  /** What the server has written so far. */
  log(): string;
  /** Ends the server with everything it started, and removes its folders. */
  stop(): Promise<void>;
}

/** The address at which the server opens a folder. */
export function folderUrl(serverUrl: string, folder: string): string {
  return `${serverUrl}?folder=${encodeURIComponent(resolve(folder))}`;
}

const startLimit = 60_000;

/** Starts a real VS Code on 127.0.0.1, installing it first when need be. */
export async function launchVsCode(options: LaunchOptions = {}): Promise<RunningVsCode> {
  const installation = await installVsCode(options.report ?? (() => {}));
  const home = await mkdtemp(join(tmpdir(), "normlens-vscode-"));
  try {
    return await start(installation, home, options);
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

async function start(
  installation: VsCodeInstallation,
  home: string,
  options: LaunchOptions,
): Promise<RunningVsCode> {
  const userDataFolder = join(home, "user-data");
  const extensionsFolder = join(home, "extensions");
  await writeSettings(userDataFolder, options);
  await mkdir(extensionsFolder);
  const server = [
    ...[installation.node, installation.entry, "--auth", "none"],
    ...["--config", join(home, "config.yaml")],
    ...["--user-data-dir", userDataFolder, "--extensions-dir", extensionsFolder],
    ...["--disable-telemetry", "--disable-update-check", "--ignore-last-opened"],
    ...(options.workspaceTrust ? [] : ["--disable-workspace-trust"]),
  ];
  if (options.extension) {
    await addExtension(resolve(options.extension), extensionsFolder, server);
  }
  const child = spawnGroup([...server, "--bind-addr", `127.0.0.1:${options.port ?? 0}`], {
    ...process.env,
    // No extension gallery: nothing is looked up on the network.
    EXTENSIONS_GALLERY: "{}",
    // Where VS Code on Linux puts the sockets that it forgets to remove.
    XDG_RUNTIME_DIR: home,
    ...options.environment,
  });
  let output = "";
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  const stop = async (): Promise<void> => {
    await endGroup(child);
    await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  try {
    const url = await listeningAddress(child, () => output);
    return {
      url,
      pid: child.pid ?? 0,
      userDataFolder,
      extensionsFolder,
      log: () => output,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function writeSettings(userDataFolder: string, options: LaunchOptions): Promise<void> {
  const settings = {
    ...quietSettings,
    ...(options.workspaceTrust ? { "security.workspace.trust.enabled": true } : {}),
    ...options.settings,
  };
  await mkdir(join(userDataFolder, "User"), { recursive: true });
  await writeFile(join(userDataFolder, "User", "settings.json"), JSON.stringify(settings, null, 2));
}

/** A checkout is linked, so that a rebuild is seen on the next reload; a VSIX is really installed. */
async function addExtension(
  extension: string,
  extensionsFolder: string,
  server: string[],
): Promise<void> {
  if (extension.endsWith(".vsix")) {
    const [node = "", ...parameters] = server;
    await run(node, [...parameters, "--install-extension", extension]);
    return;
  }
  const manifest: unknown = JSON.parse(await readFile(join(extension, "package.json"), "utf8"));
  const { publisher, name, version } = manifest as Record<string, string>;
  await symlink(extension, join(extensionsFolder, `${publisher}.${name}-${version}`), "dir");
}

function listeningAddress(child: ChildProcess, output: () => string): Promise<string> {
  return new Promise((resolveAddress, reject) => {
    const fail = (what: string): void => {
      finish();
      reject(new Error(`VS Code ${what}:\n${output()}`));
    };
    const look = (): void => {
      const address = /HTTP server listening on (http:\/\/\S+)/.exec(output())?.[1];
      if (address) {
        finish();
        resolveAddress(address);
      }
    };
    const exited = (): void => fail("ended before it was ready");
    const timer = setTimeout(() => fail(`was not ready after ${startLimit / 1000} s`), startLimit);
    const finish = (): void => {
      clearTimeout(timer);
      child.stdout?.off("data", look);
      child.off("exit", exited);
    };
    child.stdout?.on("data", look);
    child.on("exit", exited);
    child.on("error", reject);
  });
}
