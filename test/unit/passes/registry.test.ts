import { expect, test } from "vitest";
import { findPass, PASSES } from "../../../src/passes/registry.ts";

test("finds each pass by its id and names the known ones otherwise", () => {
  for (const pass of PASSES) expect(findPass(pass.id)).toBe(pass);
  const known = PASSES.map((pass) => pass.id).join(", ");
  expect(() => findPass("fold")).toThrow(`pass fold does not exist; the passes are: ${known}`);
});
