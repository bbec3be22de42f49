import type { DocumentView, NodeDetail, TechniqueDescription } from "../../src/protocol/engine.ts";
import type { PassSelection, ToModelPage } from "../../src/protocol/model-page.ts";
import type { PassReport } from "../../src/protocol/reports.ts";
import { counted } from "../elements/format.ts";

/** What the page knows, from the messages alone. */
export interface ModelPageState {
  readonly phase: "opening" | "ready" | "failed";
  readonly fileName: string;
  readonly bytes: number;
  readonly view?: DocumentView;
  readonly dirty: boolean;
  /** The sentence of a failed opening. */
  readonly failure?: string;
  /** What the menus offer. */
  readonly techniques: Techniques;
  readonly detail?: NodeDetail;
  readonly change?: ShownChange;
  readonly busy?: { readonly message: string; readonly fraction?: number };
  readonly status: { readonly text: string; readonly problem: boolean };
}

export interface Techniques {
  readonly passes: readonly TechniqueDescription[];
  readonly analyses: readonly TechniqueDescription[];
}

export const NO_TECHNIQUES: Techniques = { passes: [], analyses: [] };

/** A change on show beside the nodes: what it would do, or what it did. */
export type ShownChange =
  | { readonly kind: "preview"; readonly request: PassSelection; readonly report: PassReport }
  | { readonly kind: "applied"; readonly report: PassReport };

export const EMPTY_PAGE: ModelPageState = {
  phase: "opening",
  fileName: "",
  bytes: 0,
  dirty: false,
  techniques: NO_TECHNIQUES,
  status: { text: "", problem: false },
};

export function receive(state: ModelPageState, message: ToModelPage): ModelPageState {
  switch (message.type) {
    case "opening":
      return {
        ...EMPTY_PAGE,
        techniques: state.techniques,
        fileName: message.fileName,
        bytes: message.bytes,
      };
    case "techniques":
      return { ...state, techniques: { passes: message.passes, analyses: message.analyses } };
    case "document": {
      const { failure: _failure, ...rest } = state;
      const { view } = message;
      return {
        ...rest,
        phase: "ready",
        view,
        dirty: message.dirty,
        fileName: view.fileName,
        bytes: view.report.bytes,
      };
    }
    case "failed":
      return { ...state, phase: "failed", failure: message.message };
    case "nodeDetail":
      return { ...state, detail: message.detail };
    case "preview": {
      const { request, report } = message;
      return { ...idle(state), change: { kind: "preview", request, report } };
    }
    case "applied":
      return {
        ...idle(state),
        change: { kind: "applied", report: message.report },
        status: { text: message.sentence, problem: false },
      };
    case "busy": {
      const { message: text, fraction } = message;
      return {
        ...state,
        busy: fraction === undefined ? { message: text } : { message: text, fraction },
      };
    }
    case "idle":
      return idle(state);
    case "problem":
      return { ...idle(state), status: { text: message.message, problem: true } };
    case "notice":
      return { ...state, status: { text: message.message, problem: false } };
    case "outdated":
      return { ...closeChange(state), status: EMPTY_PAGE.status };
    case "reveal":
      return state;
  }
}

export function closeChange(state: ModelPageState): ModelPageState {
  const { change: _change, ...rest } = state;
  return rest;
}

function idle(state: ModelPageState): ModelPageState {
  const { busy: _busy, ...rest } = state;
  return rest;
}

/** What the status line says while nothing else has been said. */
export function restingStatus(view: DocumentView): string {
  return `${counted(view.rows.length, "node")} · ${view.runtime.name} ${view.runtime.version}`;
}

/**
 * The row to select in a new view for a node of the old one: the node itself, or what it was
 * folded into.
 */
export function followSelection(
  view: DocumentView,
  name: string | undefined,
  change: ShownChange | undefined,
): number | undefined {
  if (name === undefined) return undefined;
  const into = change?.report.applied.find((each) => each.node === name)?.into;
  const found =
    view.rows.find((row) => row.name === name) ?? view.rows.find((row) => row.name === into);
  return found?.index;
}
