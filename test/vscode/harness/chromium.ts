import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { run } from "./run.ts";

const commands = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const macApplications = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** What lets Chromium run as root in a container, without a GPU, and without calls to its makers. */
export const chromiumOptions = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The path of a Chromium or Chrome; on Debian, as root, it is installed when there is none. */
export async function findChromium(report: (line: string) => void): Promise<string> {
  const named = process.env.CHROMIUM_PATH;
  if (named) {
    if (!isExecutable(named)) {
      throw new Error(`CHROMIUM_PATH names ${named}, which is not an executable file.`);
    }
    return named;
  }
  const found = installedChromium();
  if (found) {
    return found;
  }
  if (process.getuid?.() === 0 && isExecutable("/usr/bin/apt-get")) {
    await installFromDebian(report);
    const installed = installedChromium();
    if (installed) {
      return installed;
    }
  }
  throw new Error(
    "Chromium was not found. Install it (Debian: apt-get install chromium, macOS: brew install --cask chromium) or name it in CHROMIUM_PATH.",
  );
}

async function installFromDebian(report: (line: string) => void): Promise<void> {
  const started = Date.now();
  report("Installing Chromium from Debian's packages.");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update", "-qq"], { env });
  // The fonts are named because a page without any would be measured and pictured without text.
  const packages = ["chromium", "fonts-dejavu-core", "fonts-liberation"];
  await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], { env });
  report(`Chromium is installed (${Math.round((Date.now() - started) / 1000)} s).`);
}

function installedChromium(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const onPath = commands.flatMap((command) => folders.map((folder) => join(folder, command)));
  return [...onPath, ...macApplications].find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
