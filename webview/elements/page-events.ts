/** Events that rise from any depth to the page, which alone talks with the host. */

export interface SaveFile {
  readonly suggestedName: string;
  readonly content: ArrayBuffer;
}

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
