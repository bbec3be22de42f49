import { expect, test } from "vitest";
import { decodeBackup, encodeBackup } from "../../../src/host/model/document-backup.ts";
import { editOf, nothingDone, sameEdits, sentenceAbout } from "../../../src/host/model/edits.ts";
import type { PassReport } from "../../../src/protocol/reports.ts";

const count = { nodes: 10, parameters: 100, bytes: 400, operators: {} };

function report(changes: Partial<PassReport>): PassReport {
  return {
    pass: "fold-batch-norm",
    title: "Fold BatchNorm",
    label: "Fold bn1 into conv1",
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
  label: "Fold BatchNorm (2 nodes)",
  applied: [
    { node: "bn1", into: "conv1" },
    { node: "bn2", into: "conv2" },
  ],
  after: { ...count, nodes: 8 },
});

test("the status line says what was done and whether the function stayed", () => {
  const certificate = { pass: true, inputs: [], outputs: [], sentence: "Same function." };
  expect(sentenceAbout({ ...two, certificate })).toBe(
    "Folded 2 BatchNormalization nodes. Same function.",
  );
  expect(sentenceAbout(one)).toBe("Folded bn1 into conv1.");
  const inserted = report({
    pass: "insert-batch-norm",
    label: "Insert BatchNorm after conv1",
    applied: [{ node: "conv1", into: "conv1_bn" }],
    statement: "The function is another one.",
  });
  expect(sentenceAbout(inserted)).toBe(
    "Insert BatchNorm after conv1. The function is another one.",
  );
});

test("a pass that could do nothing says why", () => {
  expect(nothingDone(report({}))).toBe("Fold BatchNorm: the model has no place for it.");
  expect(nothingDone(report({ statement: "No unit is longer than 3." }))).toBe(
    "Fold BatchNorm: No unit is longer than 3.",
  );
  const skipped = [
    { node: "bn3", reason: "conv3 is read by add1" },
    { node: "bn4", reason: "" },
  ];
  expect(nothingDone(report({ skipped }))).toBe(
    "Fold BatchNorm is not possible at bn3: conv3 is read by add1 (and 1 more place)",
  );
});

test("an edit keeps its sites only when some were chosen", () => {
  expect(editOf({ pass: "fold-batch-norm" }, one)).not.toHaveProperty("sites");
  expect(editOf({ pass: "fold-batch-norm", sites: ["bn1"] }, one)).toMatchObject({
    sites: ["bn1"],
  });
});

test("an edit keeps options and data, with which it is replayed", () => {
  const selection = { pass: "fold-batch-norm", options: { momentum: 0.2 }, data: "digits" };
  expect(editOf(selection, one)).toEqual({
    kind: "pass",
    ...selection,
    label: "Fold bn1 into conv1",
  });
  expect(editOf({ pass: "fold-batch-norm" }, one)).not.toHaveProperty("data");
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
