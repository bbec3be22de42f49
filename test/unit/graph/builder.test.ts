import { expect, test } from "vitest";
import { GraphBuilder } from "../../../src/graph/builder.ts";

test("fresh names count up from 2 and step over those that are taken", () => {
  const builder = new GraphBuilder(["Add", "Add_3"]);
  expect(builder.freshName("Add")).toBe("Add_2");
  expect(builder.freshName("Add")).toBe("Add_4");
  expect(builder.freshName("Add_4")).toBe("Add_4_2");
  expect(builder.freshName("Mul")).toBe("Mul");
  expect(builder.freshName("Mul")).toBe("Mul_2");
});

test("100,000 names of one stem are all different, and found in linear time", () => {
  const builder = new GraphBuilder();
  const start = process.cpuUsage().user;
  const names = Array.from({ length: 100_000 }, () => builder.freshName("Add"));
  expect(new Set(names).size).toBe(names.length);
  // About 0.1 s of one core; squared time is minutes.
  expect((process.cpuUsage().user - start) / 1e6).toBeLessThan(5);
});
