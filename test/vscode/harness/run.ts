import { spawn } from "node:child_process";

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/**
 * Runs a command to its end, or to the end of this process. Its output is shown only in the error
 * when the command fails.
 */
export function run(
  command: string,
  parameters: string[],
  options: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    const end = (): void => void child.kill();
    process.once("exit", end);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("exit", end);
      if (code === 0) {
        resolve(output);
      } else {
        const end = output.trim().split("\n").slice(-30).join("\n");
        reject(
          new Error(
            `"${[command, ...parameters].join(" ")}" ended with ${signal ?? code}:\n${end}`,
          ),
        );
      }
    });
  });
}
