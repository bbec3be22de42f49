import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";

/**
 * `npm run check`: types, lint, the build and what is checked of it, as many at once as there are
 * cores. One line for each check, with its output below it where it fails; the exit code is 1 then.
 */
interface Check {
  readonly name: string;
  /** What Node.js is started with: one process, where `npx` would need two more. */
  readonly parameters: readonly string[];
  /** Checks that only make sense when this one has passed. */
  readonly afterwards?: readonly Check[];
}

const typeCheck = (project: string): Check => ({
  name: `types of ${project}`,
  parameters: [join("node_modules", "typescript", "bin", "tsc"), "-p", project],
});

const script = (name: string, ...options: string[]): Check => ({
  name: ["npm run", name, ...(options.length > 0 ? ["--"] : []), ...options].join(" "),
  parameters: [join("scripts", "run.mjs"), name, ...options],
});

/** Longest first, so that no core is idle at the end. */
const checks: readonly Check[] = [
  typeCheck("test/tsconfig.json"),
  {
    name: "npm run lint",
    parameters: [
      join("node_modules", "@biomejs", "biome", "bin", "biome"),
      "check",
      "--error-on-warnings",
    ],
  },
  typeCheck("tsconfig.json"),
  {
    name: "npm run build",
    parameters: ["esbuild.mjs"],
    afterwards: [
      script("check-bundle"),
      script("notices", "--check"),
      script("assemble", "--check"),
    ],
  },
  typeCheck("webview/tsconfig.json"),
  typeCheck("scripts/tsconfig.json"),
];

const waiting = [...checks];
let failed = 0;
await Promise.all(Array.from({ length: availableParallelism() }, work));
process.exit(failed > 0 ? 1 : 0);

async function work(): Promise<void> {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
    if (await passes(check)) waiting.unshift(...(check.afterwards ?? []));
    else failed += 1;
  }
}

async function passes({ name, parameters }: Check): Promise<boolean> {
  const started = performance.now();
  // In the folder that npm runs it in, which is the checkout's.
  const child = spawn(process.execPath, parameters, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const collect = (text: string): void => {
    output += text;
  };
  child.stdout.setEncoding("utf8").on("data", collect);
  child.stderr.setEncoding("utf8").on("data", collect);
  const passed = await new Promise<boolean>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code === 0));
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${passed ? "passed" : "FAILED"} after ${seconds.padStart(5)} s: ${name}`);
  if (!passed) console.log(output.trimEnd());
  return passed;
}
