import { css } from "lit";

/** What every element of the pages shares: sizes, borders, links, focus and quiet buttons. */
export const sharedStyles = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :host {
    --line: var(--vscode-contrastBorder, var(--vscode-panel-border, transparent));
    --muted: var(--vscode-descriptionForeground);
    --error: var(--vscode-editorError-foreground);
    --warning: var(--vscode-editorWarning-foreground);
    --information: var(--vscode-editorInfo-foreground);
    --changed: var(--vscode-editorGutter-modifiedBackground);
    --mono: var(--vscode-editor-font-family, monospace);
    /* Colors that themes leave out, for which vscode-elements would take those of a dark theme. */
    --quiet-hover: var(--vscode-button-secondaryHoverBackground, transparent);
    --hovered: var(--vscode-list-hoverForeground, var(--vscode-foreground));
    --chosen: var(--vscode-list-activeSelectionForeground, var(--vscode-foreground));
  }
  vscode-button[secondary] {
    --vscode-button-secondaryHoverBackground: var(--quiet-hover);
  }
  vscode-single-select {
    --vscode-list-hoverForeground: var(--hovered);
    --vscode-list-activeSelectionForeground: var(--chosen);
  }
  :host([hidden]) {
    display: none;
  }
  h1,
  h2,
  h3,
  p,
  ul,
  dl,
  dd {
    margin: 0;
    padding: 0;
  }
  ul {
    list-style: none;
  }
  .icon {
    font: normal 16px/1 codicon;
    display: inline-block;
    vertical-align: text-bottom;
    flex: none;
  }
  .icon.error {
    color: var(--error);
  }
  .icon.warning {
    color: var(--warning);
  }
  .icon.information {
    color: var(--information);
  }
  .icon.good {
    color: var(--vscode-charts-green);
  }
  .muted {
    color: var(--muted);
  }
  .number {
    font-variant-numeric: tabular-nums;
    text-align: right;
  }
  .clip {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    min-width: 0;
  }
  .link {
    font: inherit;
    color: var(--vscode-textLink-foreground);
    background: none;
    border: 0;
    padding: 0 2px;
    cursor: pointer;
    white-space: nowrap;
  }
  .link:hover {
    color: var(--vscode-textLink-activeForeground);
    text-decoration: underline;
  }
  .tool {
    font: inherit;
    color: inherit;
    background: none;
    border: 1px solid transparent;
    border-radius: 4px;
    padding: 2px;
    min-width: 22px;
    height: 22px;
    line-height: 1;
    cursor: pointer;
  }
  .tool:hover {
    background: var(--vscode-toolbar-hoverBackground);
    border-color: var(--vscode-contrastActiveBorder, transparent);
  }
  :focus-visible {
    outline: 1px solid var(--vscode-focusBorder);
    outline-offset: -1px;
  }
  .heading {
    font-size: 11px;
    font-weight: 600;
    text-transform: uppercase;
    letter-spacing: 0.04em;
    color: var(--vscode-sideBarSectionHeader-foreground, var(--vscode-foreground));
  }
  .hidden-text {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      animation: none !important;
      transition: none !important;
    }
  }
`;
