import { join } from "node:path";
import { expect, test } from "vitest";
import { textView } from "../../../src/engine/text-view.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { committedModels, SAMPLES } from "../../support/repository.ts";

const SAMPLE = join(SAMPLES, "digits-cnn.onnx");

test("findings stand on their node's name", async () => {
  const view = textView(SAMPLE, await readModel(SAMPLE));
  const lines = view.text.split("\n");
  expect(view.findings.map((finding) => finding.node)).toEqual(["bn1", "bn2", "bn3"]);
  for (const finding of view.findings) {
    const marked = lines[finding.line]?.slice(finding.startColumn, finding.endColumn);
    expect(marked).toBe(finding.node);
  }
});

test.each(committedModels())("%s: symbols and foldings lie inside the text", async (file) => {
  const graph = await readModel(file);
  const view = textView(file, graph);
  const lines = view.text.split("\n");
  expect(view.symbols.length).toBe(graph.nodes.length);
  for (const symbol of view.symbols) {
    expect(lines[symbol.line]).toContain(`[${symbol.name}`.slice(0, 1));
    expect(symbol.endLine).toBeLessThan(lines.length);
    expect(symbol.endLine).toBeGreaterThanOrEqual(symbol.line);
  }
  for (const folding of view.foldings) {
    expect(folding.start).toBeLessThan(folding.end);
    expect(folding.end).toBeLessThan(lines.length);
  }
});

test("a name with line breaks and direction marks cannot change the text's structure", () => {
  const builder = new GraphBuilder();
  const name = 'evil"]\n}\u202E <img src=x>';
  const output = builder.add("Relu", ["x"], { name, stem: "y" });
  const graph = builder.build(
    "g",
    [makeValueInfo("x", DataType.FLOAT, ["N"])],
    [makeValueInfo(output, DataType.FLOAT, ["N"])],
    17,
  );
  const view = textView("m.onnx", graph);
  const line = view.text.split("\n")[view.symbols[0]?.line ?? -1];
  expect(line).toContain("evil");
  expect(line).toContain("= Relu (x)");
  expect(view.text).not.toMatch(/\u202E/);
});
