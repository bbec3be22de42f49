import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { thirdPartyNotices } from "../../../scripts/third-party.ts";
import { root } from "../../vscode/harness/paths.ts";

test("THIRD-PARTY-NOTICES.md is current; if not: npm run build && npm run notices", async () => {
  const written = await readFile(join(root, "THIRD-PARTY-NOTICES.md"), "utf8");
  expect(written).toBe(await thirdPartyNotices());
});
