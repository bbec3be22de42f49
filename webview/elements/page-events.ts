import type { SaveFileMessage } from "../../src/protocol/save-file.ts";

/** Events that rise from any depth to the page, which alone talks with the host. */

export type SaveFile = Omit<SaveFileMessage, "type">;

declare global {
  interface HTMLElementEventMap {
    "save-file": CustomEvent<SaveFile>;
    notice: CustomEvent<string>;
  }
}

function rise<Detail>(from: HTMLElement, name: string, detail: Detail): void {
  from.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
}

export function saveFile(from: HTMLElement, suggestedName: string, content: ArrayBuffer): void {
  rise<SaveFile>(from, "save-file", { suggestedName, content });
}

/** A sentence for the page's status line. */
export function notice(from: HTMLElement, sentence: string): void {
  rise(from, "notice", sentence);
}

/** What every page does with them: files go to the host, which alone can write them; sentences are shown. */
export function answerEvents(
  page: HTMLElement,
  host: { send(message: SaveFileMessage): void },
  show: (sentence: string) => void,
): void {
  page.addEventListener("save-file", ({ detail }) => host.send({ type: "saveFile", ...detail }));
  page.addEventListener("notice", ({ detail }) => show(detail));
}
