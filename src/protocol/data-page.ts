import type { DataReport } from "./data-report.ts";
import type { SaveFileMessage } from "./save-file.ts";

/** Messages between the panel that shows a data set and its page. */

export type ToDataPage =
  /** Reading begins. */
  | { readonly type: "reading"; readonly data: string; readonly model?: string }
  | { readonly type: "progress"; readonly fraction: number }
  | { readonly type: "report"; readonly report: DataReport }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "notice"; readonly message: string };

export type FromDataPage =
  | { readonly type: "ready" }
  /** Reads the data set again; without the model where it does not fit. */
  | { readonly type: "readAgain"; readonly withModel: boolean }
  | SaveFileMessage;
