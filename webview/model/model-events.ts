import type { FromModelPage } from "../../src/protocol/model-page.ts";

/** A wish of some part of the page; the page sends it to the host. */
export type ModelRequest = Extract<
  FromModelPage,
  {
    type:
      | "preview"
      | "apply"
      | "customize"
      | "analyze"
      | "openReport"
      | "openHelp"
      | "undo"
      | "cancel"
      | "retry"
      | "openAsText"
      | "train";
  }
>;

declare global {
  interface HTMLElementEventMap {
    "model-request": CustomEvent<ModelRequest>;
    /** The name of a node to select and scroll to. */
    "show-node": CustomEvent<string>;
    "select-node": CustomEvent<number>;
    "close-change": CustomEvent<void>;
  }
}

function rise<Detail>(from: HTMLElement, name: string, detail: Detail): void {
  from.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
}

export function request(from: HTMLElement, wish: ModelRequest): void {
  rise(from, "model-request", wish);
}

export function showNode(from: HTMLElement, name: string): void {
  rise(from, "show-node", name);
}

export function selectNode(from: HTMLElement, index: number): void {
  rise(from, "select-node", index);
}

export function closeChangeView(from: HTMLElement): void {
  rise(from, "close-change", undefined);
}
