import { css } from "lit";

/** For the document itself: VS Code pads the body of a webview, a full page wants the edge. */
const documentStyles = css`
  html {
    height: 100%;
  }
  body {
    padding: 0;
    margin: 0;
    height: 100%;
    overflow-x: hidden;
    color: var(--vscode-editor-foreground);
    background: var(--vscode-editor-background);
    font-family: var(--vscode-font-family);
    font-size: var(--vscode-font-size);
  }
`;

export function styleDocument(): void {
  const sheet = documentStyles.styleSheet;
  if (sheet !== undefined) document.adoptedStyleSheets.push(sheet);
}
