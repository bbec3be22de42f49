import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** The checkout's folder, wherever the tests run from. */
export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

export const SAMPLES = join(REPOSITORY, "media/samples");
export const FIXTURES = join(REPOSITORY, "test/fixtures/onnx");

/** Every committed ONNX model, as absolute paths. */
export function committedModels(): string[] {
  return [SAMPLES, FIXTURES].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".onnx"))
      .map((file) => join(folder, file)),
  );
}

/** A folder of the test's own, gone when it ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "normlens-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
