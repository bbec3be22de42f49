import { expect, test } from "vitest";
import {
  checkPassDrafts,
  fieldOfOption,
  newPassDraft,
  passDraftsOf,
} from "../../../webview/train/pass-draft.ts";
import { technique } from "../../support/technique.ts";

const known = [technique, { ...technique, id: "fold", options: [] }];

test("the passes of a configuration come back from the form", () => {
  const passes = [
    {
      pass: "insert-something",
      sites: ["conv1", "conv2"],
      options: { mode: "calibrated", rate: 0.25, after: true, layer: "fc" },
    },
    { pass: "fold" },
  ];
  expect(checkPassDrafts(passDraftsOf(passes), known)).toEqual({ ok: true, passes });
});

test("a new step has the defaults, all written down", () => {
  expect(checkPassDrafts([newPassDraft("insert-something")], known)).toEqual({
    ok: true,
    passes: [
      {
        pass: "insert-something",
        options: { mode: "exact", rate: 0.5, after: false, layer: "" },
      },
    ],
  });
});

test("each mistake is told at its step and option", () => {
  const wrong = { ...newPassDraft("insert-something"), options: { rate: "7" } };
  const checked = checkPassDrafts([newPassDraft("fold"), wrong, newPassDraft("melt")], known);
  expect(checked).toEqual({
    ok: false,
    errors: [
      {},
      { rate: "“7” is not possible; a number from 0 to 1 is needed." },
      { "": "The pass melt does not exist in this version." },
    ],
  });
});

test("before the engine has told its passes, only a form without any can start", () => {
  expect(checkPassDrafts([], [])).toEqual({ ok: true, passes: [] });
  expect(checkPassDrafts([newPassDraft("fold")], [])).toMatchObject({
    ok: false,
    errors: [{ "": "The pass fold is not known yet." }],
  });
});

test("every kind of option has its kind of field", () => {
  expect(technique.options.map((option) => fieldOfOption(option).kind)).toEqual([
    "select",
    "text",
    "box",
    "text",
  ]);
});
