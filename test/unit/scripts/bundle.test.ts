import { expect, test } from "vitest";
import { bundleFaults } from "../../../scripts/bundle.ts";

test("the extension host's bundle is small and opens no port", async () => {
  expect(await bundleFaults()).toEqual([]);
});
