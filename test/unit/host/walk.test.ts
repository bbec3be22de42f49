import { expect, test } from "vitest";
import {
  type Answer,
  type Answers,
  askAll,
  BACK,
  type Question,
  type Step,
} from "../../../src/host/techniques/walk.ts";

/** Answers as told, and writes down at which step and with which answers it was asked. */
function scripted(replies: Record<string, (Answer<string> | typeof BACK)[]>) {
  const asked: string[] = [];
  const question = (name: string, isAsked: Question["isAsked"] = () => true): Question => ({
    isAsked,
    ask: async ({ step, totalSteps }: Step, answers: Answers) => {
      asked.push(`${name} ${step}/${totalSteps} (${answers.options[name] ?? "–"})`);
      const reply = replies[name]?.shift();
      if (reply === undefined || reply === BACK) return reply;
      return { ...answers, options: { ...answers.options, [name]: reply } };
    },
  });
  return { asked, question };
}

const none: Answers = { options: {} };

test("every question is asked once, in order, and each answer is kept", async () => {
  const { asked, question } = scripted({ a: ["1"], b: ["2"] });
  const answers = await askAll("Title", [question("a"), question("b")], none);
  expect(answers).toEqual({ options: { a: "1", b: "2" } });
  expect(asked).toEqual(["a 1/2 (–)", "b 2/2 (–)"]);
});

test("Back asks the question before again, with its answer", async () => {
  const { asked, question } = scripted({ a: ["1", "3"], b: [BACK, "2"] });
  const answers = await askAll("Title", [question("a"), question("b")], none);
  expect(answers).toEqual({ options: { a: "3", b: "2" } });
  expect(asked).toEqual(["a 1/2 (–)", "b 2/2 (–)", "a 1/2 (1)", "b 2/2 (–)"]);
});

test("a question that an answer makes meaningless is skipped, also on the way back", async () => {
  const { asked, question } = scripted({
    mode: ["fresh", "exact"],
    data: ["digits"],
    last: [BACK, "x"],
  });
  const questions = [
    question("mode"),
    question("data", ({ options }) => options.mode === "exact"),
    question("last"),
  ];
  const answers = await askAll("Title", questions, none);
  expect(answers).toEqual({ options: { mode: "exact", data: "digits", last: "x" } });
  expect(asked).toEqual([
    "mode 1/2 (–)",
    "last 2/2 (–)",
    "mode 1/2 (fresh)",
    "data 2/3 (–)",
    "last 3/3 (–)",
  ]);
});

test("leaving any step leaves the dialog, and nothing to ask is an answer", async () => {
  const { asked, question } = scripted({ a: ["1"], b: [undefined] });
  const questions = [question("a"), question("b"), question("c")];
  expect(await askAll("Title", questions, none)).toBeUndefined();
  expect(asked).toHaveLength(2);
  expect(await askAll("Title", [], { options: { rate: 1 } })).toEqual({ options: { rate: 1 } });
});
