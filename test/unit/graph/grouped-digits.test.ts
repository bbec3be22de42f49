import { expect, test } from "vitest";
import { groupedDigits } from "../../../src/graph/grouped-digits.ts";

test("whole numbers are grouped as toLocaleString groups them", () => {
  const numbers = [0, 7, 999, 1000, 25_557_032, 123_456_789_012, -1, -999, -1000, -654_321];
  for (const number of numbers) expect(groupedDigits(number)).toBe(number.toLocaleString("en"));
});
