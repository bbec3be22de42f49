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

/** A page fills its pane: header, a line, what scrolls, a line. In a narrow pane all of it scrolls. */
export const pageStyles = css`
  :host {
    display: block;
    height: 100vh;
    color: var(--vscode-editor-foreground);
  }
  .page {
    display: grid;
    grid-template-rows: auto auto minmax(0, 1fr) auto;
    height: 100%;
    min-width: 0;
  }
  @media (max-width: 720px) {
    :host {
      height: auto;
    }
    .page {
      grid-template-rows: auto auto auto auto;
      height: auto;
      min-height: 100vh;
    }
  }
`;

/** The head of a page: its title and its buttons, which wrap below it. */
export const pageHeaderStyles = css`
  header {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 16px;
    padding: 8px 12px;
  }
  h1 {
    font-size: 1.15em;
    font-weight: 600;
    overflow-wrap: anywhere;
  }
  .buttons {
    display: flex;
    flex-wrap: wrap;
    gap: 6px;
  }
`;

export function styleDocument(): void {
  const sheet = documentStyles.styleSheet;
  if (sheet !== undefined) document.adoptedStyleSheets.push(sheet);
}
