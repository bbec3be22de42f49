import { expect, test } from "vitest";
import { groupFindings } from "../../../webview/model/finding-groups.ts";
import { filterRows, flagNodes, NO_FILTER } from "../../../webview/model/node-filter.ts";
import {
  closeChange,
  EMPTY_PAGE,
  followSelection,
  receive,
} from "../../../webview/model/page-state.ts";
import { moveSelection, rowWindow, scrollToShow } from "../../../webview/model/row-window.ts";
import { modelView, passReport } from "../../pages/fixtures/model-view.ts";

const view = modelView(600);

test("findings are grouped, the gravest first, with all their sites", () => {
  const groups = groupFindings(view.report.findings);
  expect(groups.map((group) => group.sentence)).toEqual([
    "layer1.5.bn: channel 17 has running variance 3e-12, amplification 3·10²",
    "53 BatchNormalization nodes can be folded: −53 nodes",
    "3 BatchNormalization nodes cannot be folded",
  ]);
  expect(groups[1]?.fix?.sites).toHaveLength(53);
  expect(groupFindings([])).toEqual([]);
});

test("a rule without words of its own is still told", () => {
  const fix = { title: "Clip it", pass: "max-norm", site: "s" };
  const finding = {
    rule: "max-norm",
    severity: "information" as const,
    node: "a",
    message: "too large",
    fix,
  };
  expect(groupFindings([finding])[0]?.sentence).toBe("a: too large");
  expect(groupFindings([finding, { ...finding, node: "b" }])[0]?.sentence).toBe("2 × Clip it");
  const other = { ...finding, node: "b", fix: { ...fix, title: "Clip b" } };
  expect(groupFindings([finding, other])[0]?.sentence).toBe("2 × max norm");
});

test("rows are found by words, operator and findings", () => {
  const flags = flagNodes(view.report.findings);
  expect(filterRows(view.rows, NO_FILTER, flags)).toBe(view.rows);
  const bns = filterRows(view.rows, { ...NO_FILTER, search: "LAYER2 batch" }, flags);
  expect(bns.length).toBe(12);
  const relus = filterRows(view.rows, { ...NO_FILTER, operator: "Relu" }, flags);
  expect(relus.every((row) => row.opType === "Relu")).toBe(true);
  const flagged = filterRows(view.rows, { ...NO_FILTER, onlyFindings: true }, flags);
  expect(flagged.length).toBe(56);
  expect(flags.get("layer1.5.bn")).toMatchObject({ severity: "warning", fixable: true });
});

test("only rows in sight and a few around them are drawn", () => {
  expect(rowWindow(0, 220, 22, 5000)).toEqual({ first: 0, end: 20 });
  expect(rowWindow(22_000, 220, 22, 5000)).toEqual({ first: 990, end: 1020 });
  expect(rowWindow(109_780, 220, 22, 5000)).toEqual({ first: 4980, end: 5000 });
  expect(rowWindow(99_999, 220, 22, 3)).toEqual({ first: 3, end: 3 });
  expect(rowWindow(0, 220, 22, 0)).toEqual({ first: 0, end: 0 });
});

test("a row is shown with the least movement", () => {
  expect(scrollToShow(5, 0, 220, 22)).toBe(0);
  expect(scrollToShow(10, 0, 220, 22)).toBe(22);
  expect(scrollToShow(2, 220, 220, 22)).toBe(44);
});

test("keys move the selection and stop at the ends", () => {
  expect(moveSelection("ArrowDown", -1, 10, 5)).toBe(0);
  expect(moveSelection("ArrowUp", -1, 10, 5)).toBe(9);
  expect(moveSelection("ArrowUp", 0, 10, 5)).toBe(0);
  expect(moveSelection("PageDown", 3, 10, 5)).toBe(7);
  expect(moveSelection("End", 3, 10, 5)).toBe(9);
  expect(moveSelection("a", 3, 10, 5)).toBeUndefined();
  expect(moveSelection("End", -1, 0, 5)).toBeUndefined();
});

test("messages make the page's state", () => {
  const opening = receive(EMPTY_PAGE, { type: "opening", fileName: "a.onnx", bytes: 3 });
  const failed = receive(opening, { type: "failed", message: "No." });
  expect(failed).toMatchObject({ phase: "failed", failure: "No." });
  const ready = receive(failed, { type: "document", view, dirty: true });
  expect(ready).toMatchObject({ phase: "ready", dirty: true, fileName: "resnet50.onnx" });
  expect(ready).not.toHaveProperty("failure");
  const busy = receive(ready, { type: "busy", message: "Folding", fraction: 0.5 });
  expect(busy.busy).toEqual({ message: "Folding", fraction: 0.5 });
  const applied = receive(busy, { type: "applied", sentence: "Folded.", report: passReport(true) });
  expect(applied.status).toEqual({ text: "Folded.", problem: false });
  expect(applied).not.toHaveProperty("busy");
  expect(closeChange(applied)).not.toHaveProperty("change");
  const problem = receive(busy, { type: "problem", message: "Full disk." });
  expect(problem.status).toEqual({ text: "Full disk.", problem: true });
});

test("what was said of a change goes with it, and a notice is no problem", () => {
  const ready = receive(EMPTY_PAGE, { type: "document", view, dirty: true });
  const applied = receive(ready, {
    type: "applied",
    sentence: "Folded.",
    report: passReport(true),
  });
  const undone = receive(applied, { type: "outdated" });
  expect(undone).not.toHaveProperty("change");
  expect(undone.status.text).toBe("");
  const working = receive(undone, { type: "busy", message: "Folding" });
  const saved = receive(working, { type: "notice", message: "Saved scale.csv." });
  expect(saved).toMatchObject({ busy: { message: "Folding" } });
  expect(saved.status).toEqual({ text: "Saved scale.csv.", problem: false });
});

test("the selection follows a folded node into what took it up", () => {
  const change = {
    kind: "applied",
    report: { ...passReport(true), applied: [{ node: "gone", into: "layer1.3.conv" }] },
  } as const;
  expect(view.rows[followSelection(view, "gone", change) ?? -1]?.name).toBe("layer1.3.conv");
  expect(view.rows[followSelection(view, "layer1.1.bn", undefined) ?? -1]?.name).toBe(
    "layer1.1.bn",
  );
  expect(followSelection(view, "gone", undefined)).toBeUndefined();
  expect(followSelection(view, undefined, undefined)).toBeUndefined();
});
