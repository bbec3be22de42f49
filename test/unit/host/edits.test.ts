import { expect, test } from "vitest";
import { decodeBackup, encodeBackup } from "../../../src/host/model/document-backup.ts";
import {
  editOf,
  labelOf,
  nothingDone,
  passTitle,
  sameEdits,
  sentenceAbout,
} from "../../../src/host/model/edits.ts";
import type { PassReport } from "../../../src/protocol/reports.ts";

const count = { nodes: 10, parameters: 100, bytes: 400, operators: {} };

function report(changes: Partial<PassReport>): PassReport {
  return {
    pass: "fold-batch-norm",
    applied: [],
    skipped: [],
    before: count,
    after: count,
    elapsedMs: 1,
    ...changes,
  };
}

const one = report({ applied: [{ node: "bn1", into: "conv1" }], after: { ...count, nodes: 9 } });
const two = report({
  applied: [
    { node: "bn1", into: "conv1" },
    { node: "bn2", into: "conv2" },
  ],
  after: { ...count, nodes: 8 },
});

test("the label of one fold names both nodes", () => {
  expect(labelOf(one)).toBe("Fold bn1 into conv1");
  expect(labelOf(report({ applied: [{ node: "bn1", into: "bn1" }] }))).toBe("Fold bn1");
});

test("the label of several names the pass", () => {
  expect(labelOf(two)).toBe("Fold BatchNorm (2 nodes)");
});

test("the status line says what was done and whether the function stayed", () => {
  const certificate = { pass: true, inputs: [], outputs: [], sentence: "Same function." };
  expect(sentenceAbout({ ...two, certificate })).toBe(
    "Folded 2 BatchNormalization nodes. Same function.",
  );
  expect(sentenceAbout(one)).toBe("Folded bn1 into conv1.");
});

test("a pass that could do nothing says why", () => {
  expect(nothingDone(report({}))).toBe("Fold BatchNorm: the model has no place for it.");
  const skipped = [
    { node: "bn3", reason: "conv3 is read by add1" },
    { node: "bn4", reason: "" },
  ];
  expect(nothingDone(report({ skipped }))).toBe(
    "Fold BatchNorm is not possible at bn3: conv3 is read by add1 (and 1 more place)",
  );
});

test("pass titles read like the palette", () => {
  expect(passTitle("fold-batch-norm")).toBe("Fold BatchNorm");
  expect(passTitle("switch-to-inference")).toBe("Switch to inference");
});

test("an edit keeps its sites only when some were chosen", () => {
  expect(editOf({ pass: "fold-batch-norm" }, one)).not.toHaveProperty("sites");
  expect(editOf({ pass: "fold-batch-norm", sites: ["bn1"] }, one)).toMatchObject({
    sites: ["bn1"],
  });
});

test("lists of edits are the same when they hold the same edits", () => {
  const edit = editOf({ pass: "fold-batch-norm" }, one);
  expect(sameEdits([edit], [edit])).toBe(true);
  expect(sameEdits([edit], [])).toBe(false);
  expect(sameEdits([edit], [{ ...edit }])).toBe(false);
});

test("a backup comes back as it was", () => {
  const backup = {
    version: 1,
    edits: [editOf({ pass: "fold-batch-norm" }, one)],
    file: { size: 10, modified: 20 },
    original: "/somewhere/model.onnx",
  } as const;
  expect(decodeBackup(encodeBackup(backup))).toEqual(backup);
});

test("a backup of another version is refused with a sentence", () => {
  const bytes = new TextEncoder().encode('{"version":2}');
  expect(() => decodeBackup(bytes)).toThrow(/another version of NormLens/);
});
