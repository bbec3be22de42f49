import * as vscode from "vscode";
import type { TextView } from "../../protocol/engine.ts";
import type { Finding, Severity } from "../../protocol/reports.ts";
import { helpUri } from "../help.ts";
import { TEXT_SCHEME } from "./text-uri.ts";
import type { TextViews } from "./text-views.ts";

export const DIAGNOSTIC_SOURCE = "NormLens";

export type PlacedFinding = TextView["findings"][number];

const severities: Readonly<Record<Severity, vscode.DiagnosticSeverity>> = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  information: vscode.DiagnosticSeverity.Information,
};

/** Underlines the findings in every text that is open. */
export function publishDiagnostics(texts: TextViews, extension: vscode.Uri): vscode.Disposable {
  const collection = vscode.languages.createDiagnosticCollection("normlens");
  const publish = (uri: vscode.Uri) => {
    const findings = texts.get(uri)?.view.findings ?? [];
    collection.set(
      uri,
      findings.map((finding) => diagnosticOf(finding, rangeOf(finding), extension)),
    );
  };
  return vscode.Disposable.from(
    collection,
    texts.onDidRead(publish),
    // Between the reading of a text and its arrival in the editor the lines are still the old ones.
    vscode.workspace.onDidChangeTextDocument(({ document }) => {
      if (document.uri.scheme === TEXT_SCHEME && !document.isDirty) publish(document.uri);
    }),
    vscode.workspace.onDidCloseTextDocument((document) => {
      if (document.uri.scheme !== TEXT_SCHEME) return;
      collection.delete(document.uri);
      texts.forget(document.uri);
    }),
  );
}

export function rangeOf({ line, startColumn, endColumn }: PlacedFinding): vscode.Range {
  return new vscode.Range(line, startColumn, line, endColumn);
}

/** A finding underlined where it belongs, with a link to what the documentation says of it. */
export function diagnosticOf(
  finding: Finding,
  range: vscode.Range,
  extension: vscode.Uri,
): vscode.Diagnostic {
  const reason = finding.reason === undefined ? "" : ` ${finding.reason}`;
  const diagnostic = new vscode.Diagnostic(
    range,
    `${finding.message}${reason}`,
    severities[finding.severity],
  );
  diagnostic.source = DIAGNOSTIC_SOURCE;
  diagnostic.code =
    finding.help === undefined
      ? finding.rule
      : { value: finding.rule, target: helpUri(extension, finding.help) };
  return diagnostic;
}
