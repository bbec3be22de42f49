import { expect, test } from "vitest";
import { analysisMarkdown, passReportMarkdown } from "../../../src/host/report-markdown.ts";
import type { AnalysisReport, PassReport } from "../../../src/protocol/reports.ts";

const count = { nodes: 10, parameters: 100, bytes: 400, operators: {} };

const report: PassReport = {
  pass: "insert-batch-norm",
  title: "Insert BatchNorm",
  label: "Insert BatchNorm after conv1",
  applied: [{ node: "conv1", into: "conv1_bn" }],
  skipped: [{ node: "conv2", reason: "conv2's output is read twice." }],
  before: count,
  after: count,
  statement: "The function is another one.",
  tables: [
    {
      title: "Channels",
      columns: ["node", "mean", "count"],
      rows: [
        ["conv1|x", 0.123456, 24282],
        ["conv2", "NaN", 3],
      ],
    },
  ],
  elapsedMs: 3,
};

test("the report of a pass says the statement before the numbers", () => {
  const text = passReportMarkdown("Insert BatchNorm of a.onnx", report);
  expect(text.indexOf("**The function is another one\\.**")).toBeGreaterThan(0);
  expect(text.indexOf("**The function")).toBeLessThan(text.indexOf("## Channels"));
  expect(text).toContain("| node | mean | count |\n| :-- | --: | --: |");
  expect(text).toContain("| conv1\\|x | 0\\.1235 | 24,282 |");
  expect(text).toContain("| conv2 | NaN | 3 |");
  expect(text).toContain("| conv2 | conv2's output is read twice\\. |");
  expect(text).not.toContain("## Certificate");
});

test("a certificate belongs to the report", () => {
  const certificate = { pass: true, inputs: ["zeros"], outputs: [], sentence: "Same function." };
  expect(passReportMarkdown("T", { ...report, certificate })).toContain(
    "## Certificate\n\n✓ **Same function\\.**",
  );
});

test("a long table of an analysis is cut, and says where the rest is", () => {
  const rows = Array.from({ length: 1234 }, (_, row) => [`node${row}`, row]);
  const analysis: AnalysisReport = {
    analysis: "spectrum",
    title: "Spectrum",
    sentences: ["The answer.", "More."],
    tables: [
      { title: "All", columns: ["node", "value"], rows },
      { title: "Nothing", columns: ["node"], rows: [] },
    ],
    elapsedMs: 1,
  };
  const text = analysisMarkdown("Spectrum of <a>.onnx", analysis);
  expect(text).toContain("# Spectrum of \\<a\\>\\.onnx\n\n**The answer\\.**\n\nMore\\.");
  expect(text).toContain("| node499 | 499 |\n\n… and 734 more rows.");
  expect(text).not.toContain("node500");
  expect(text).toContain("## Nothing\n\nNo rows.");
  expect(text).toContain("`normlens analyze spectrum MODEL --json`");
});
