import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import * as vscode from "vscode";

/** Which page: its custom element is the whole body. */
export interface PageName {
  /** Base name of its bundle in dist/webview. */
  readonly bundle: "model" | "train" | "data";
  readonly element: string;
  readonly title: string;
}

/** What a page may load: its own bundle and the icon font, nothing else. */
export function pageOptions(extensionUri: vscode.Uri): vscode.WebviewOptions {
  return { enableScripts: true, localResourceRoots: [pagesFolder(extensionUri)] };
}

/** The icon of a page's tab: `media/NAME-light.svg` and `-dark.svg`. */
export function pageIcon(extensionUri: vscode.Uri, name: "training" | "data") {
  const icon = (theme: string) =>
    vscode.Uri.joinPath(extensionUri, "media", `${name}-${theme}.svg`);
  return { light: icon("light"), dark: icon("dark") };
}

/**
 * The document of a page. Nothing of a model is ever written into it: model strings travel as
 * messages and become text nodes.
 */
export function pageHtml(webview: vscode.Webview, extensionUri: vscode.Uri, page: PageName) {
  const nonce = randomBytes(16).toString("base64url");
  const folder = pagesFolder(extensionUri);
  const address = (file: string) => webview.asWebviewUri(vscode.Uri.joinPath(folder, file));
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `font-src ${webview.cspSource}`,
    `img-src ${webview.cspSource} data: blob:`,
  ].join("; ");
  const stylesheet = `${page.bundle}.css`;
  const style = existsSync(vscode.Uri.joinPath(folder, stylesheet).fsPath)
    ? `<link rel="stylesheet" nonce="${nonce}" href="${address(stylesheet)}">`
    : "";
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${page.title}</title>
<link rel="stylesheet" nonce="${nonce}" href="${address("codicon.css")}" id="vscode-codicon-stylesheet">
${style}
</head>
<body>
<${page.element}></${page.element}>
<script type="module" nonce="${nonce}" src="${address(`${page.bundle}.js`)}"></script>
</body>
</html>`;
}

function pagesFolder(extensionUri: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extensionUri, "dist", "webview");
}
