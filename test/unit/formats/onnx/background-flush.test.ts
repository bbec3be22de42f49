import { open } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BackgroundFlush } from "../../../../src/formats/onnx/background-flush.ts";
import { temporaryFolder } from "../../../support/repository.ts";

const MEBIBYTE = 2 ** 20;

test("a flush that fails under way is heard at the end", async () => {
  const handle = await open(join(await temporaryFolder(), "file"), "w");
  await handle.close();
  const flush = new BackgroundFlush(handle);
  flush.wrote(16 * MEBIBYTE);
  flush.wrote(16 * MEBIBYTE);
  await expect(flush.finished()).rejects.toThrow();
});

test("a few bytes are left to the flush at the end", async () => {
  const handle = await open(join(await temporaryFolder(), "file"), "w");
  await handle.close();
  const flush = new BackgroundFlush(handle);
  for (let piece = 0; piece < 15; piece++) flush.wrote(MEBIBYTE);
  await expect(flush.finished()).resolves.toBeUndefined();
});
