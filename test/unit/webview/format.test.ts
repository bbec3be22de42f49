import { createRequire } from "node:module";
import { expect, test } from "vitest";
import {
  amount,
  bytes,
  counted,
  decimal,
  duration,
  percent,
  signed,
} from "../../../webview/elements/format.ts";
import { CODE_POINTS } from "../../../webview/elements/icons.ts";
import { outcomeOf } from "../../../webview/train/run-outcome.ts";
import { applyEvents, NO_RUN } from "../../../webview/train/run-state.ts";
import { trainingRun } from "../../pages/fixtures/training-run.ts";

test("numbers as people read them", () => {
  expect(amount(25_557_032)).toBe("25.6 M");
  expect(amount(9408)).toBe("9,408");
  expect(bytes(102_549_504)).toBe("97.8 MiB");
  expect(bytes(1)).toBe("1 byte");
  expect(counted(1, "node")).toBe("1 node");
  expect(signed(-53)).toBe("−53");
  expect(decimal(0.00004123)).toBe("4.12e−5");
  expect(decimal(123456)).toBe("1.23e5");
  expect(decimal("NaN")).toBe("NaN");
  expect(decimal("-Infinity")).toBe("−∞");
  expect(decimal(-0.5)).toBe("−0.5");
  expect(percent(0.382)).toBe("38.2 %");
  expect(duration(0.84)).toBe("0.8 s");
  expect(duration(62)).toBe("1:02");
  expect(duration(7390)).toBe("2:03:10");
});

test("every icon is the codicon of its name", () => {
  const mapping = createRequire(import.meta.url)(
    "@vscode/codicons/src/template/mapping.json",
  ) as Record<string, readonly string[]>;
  for (const [name, point] of Object.entries(CODE_POINTS)) {
    expect(mapping[String(point)], name).toContain(name);
  }
});

test("every end of a run is a sentence with a next step", () => {
  const say = (end: Parameters<typeof trainingRun>[1]) =>
    outcomeOf("finished", applyEvents(NO_RUN, trainingRun(20, end)), "a.onnx", undefined);
  expect(say("earlyStopping")).toMatchObject({ tone: "good" });
  expect(say("earlyStopping").sentence).toContain("Test loss 0.0731, test accuracy 97.8 %.");
  expect(say("cancelled")).toMatchObject({ tone: "warning" });
  expect(say("diverged").actions[0]).toBe("smallerLearningRate");
  expect(say("cancelled").actions[0]).toBe("resumeRun");
  expect(say("earlyStopping").actions).not.toContain("resumeRun");
  const crashed = applyEvents(NO_RUN, trainingRun(3).slice(0, 50));
  expect(outcomeOf("failed", crashed, "a.onnx", "Gone.").actions).toEqual(["resumeRun"]);
  expect(outcomeOf("failed", NO_RUN, "a.onnx", "No data.").actions).toEqual([]);
  expect(outcomeOf("failed", NO_RUN, "a.onnx", "No data.").sentence).toBe(
    "No data. a.onnx is unchanged.",
  );
  expect(outcomeOf("idle", NO_RUN, "a.onnx", undefined).sentence).toContain(
    "a.onnx itself does not change",
  );
});
