import type { DocumentView, NodeDetail, OptionValues, TechniqueDescription } from "./engine.ts";
import type { PassReport } from "./reports.ts";
import type { SaveFileMessage } from "./save-file.ts";

/** Messages between the custom editor's host side and its page. */

export type ToModelPage =
  /** First true thing: shown before the engine has read the file. */
  | { readonly type: "opening"; readonly fileName: string; readonly bytes: number }
  | { readonly type: "document"; readonly view: DocumentView; readonly dirty: boolean }
  /** What the menus offer; it comes once the engine has told. */
  | {
      readonly type: "techniques";
      readonly passes: readonly TechniqueDescription[];
      readonly analyses: readonly TechniqueDescription[];
    }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "nodeDetail"; readonly detail: NodeDetail }
  | { readonly type: "preview"; readonly request: PassSelection; readonly report: PassReport }
  | { readonly type: "applied"; readonly sentence: string; readonly report: PassReport }
  /** fraction: share of the whole work, 0–1, where it is known. */
  | { readonly type: "busy"; readonly message: string; readonly fraction?: number }
  | { readonly type: "idle" }
  | { readonly type: "problem"; readonly message: string }
  /** What was done, or why nothing was; not an error. */
  | { readonly type: "notice"; readonly message: string }
  /** The last change was undone, or another one came after it: what was said of it holds no more. */
  | { readonly type: "outdated" }
  /** Moves the selection, for example from the text view or the outline. */
  | { readonly type: "reveal"; readonly node: string };

export type FromModelPage =
  | { readonly type: "ready" }
  | { readonly type: "select"; readonly index: number }
  | { readonly type: "preview"; readonly request: PassSelection }
  | { readonly type: "apply"; readonly request: PassSelection }
  /** As apply, but everything there is to choose is asked for first. */
  | { readonly type: "customize"; readonly request: PassSelection }
  | { readonly type: "analyze"; readonly analysis: string }
  /** Opens a page of the documentation, which a finding names. */
  | { readonly type: "openHelp"; readonly help: string }
  /** Opens what a pass told as a document of its own. */
  | { readonly type: "openReport"; readonly report: PassReport }
  | { readonly type: "cancel" }
  | { readonly type: "undo" }
  | { readonly type: "retry" }
  | { readonly type: "openAsText" }
  | { readonly type: "train" }
  /** A chart or table of the page; the host asks where it goes. */
  | SaveFileMessage;

/** A pass on some sites; all applicable sites when left out. */
export interface PassSelection {
  readonly pass: string;
  readonly sites?: readonly string[];
  readonly options?: OptionValues;
  /** "digits" or a path, where the pass measures on data. */
  readonly data?: string;
}
