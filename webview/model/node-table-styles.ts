import { css, unsafeCSS } from "lit";

/** In pixels, as in the lists of VS Code. */
export const ROW_HEIGHT = 22;

const height = unsafeCSS(`${ROW_HEIGHT}px`);

export const nodeTableStyles = css`
  :host {
    display: block;
    min-height: 0;
    container-type: inline-size;
  }
  .scroller {
    height: 100%;
    overflow-y: auto;
    overflow-x: hidden;
    position: relative;
    outline-offset: -1px;
  }
  .space {
    position: relative;
  }
  .row {
    display: grid;
    grid-template-columns:
      48px minmax(90px, 3fr) 24px minmax(80px, 1.6fr) minmax(80px, 1.4fr)
      minmax(84px, 0.8fr);
    gap: 0 8px;
    height: ${height};
    line-height: ${height};
    padding: 0 12px 0 4px;
    white-space: nowrap;
  }
  .row > span {
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .header {
    position: sticky;
    top: 0;
    z-index: 1;
    color: var(--muted);
    background: var(--vscode-editor-background);
    border-bottom: 1px solid var(--line);
  }
  .body {
    position: absolute;
    left: 0;
    right: 0;
    top: 0;
    cursor: pointer;
  }
  .body:hover {
    background: var(--vscode-list-hoverBackground);
  }
  .index,
  .output {
    color: var(--muted);
  }
  .flag > .icon {
    margin-top: 3px;
  }
  .none {
    grid-column: 1 / -1;
    padding-left: 8px;
    color: var(--muted);
  }
  .changed .name {
    color: var(--vscode-gitDecoration-modifiedResourceForeground);
  }
  .changed::before {
    content: "";
    position: absolute;
    left: 0;
    top: 0;
    bottom: 0;
    width: 3px;
    background: var(--changed);
  }
  .selected,
  .selected:hover {
    background: var(--vscode-list-inactiveSelectionBackground);
    color: var(--vscode-list-inactiveSelectionForeground, inherit);
    outline: 1px dashed var(--vscode-contrastActiveBorder, transparent);
    outline-offset: -1px;
  }
  .scroller:focus .selected {
    background: var(--vscode-list-activeSelectionBackground);
    color: var(--vscode-list-activeSelectionForeground, inherit);
    outline: 1px solid var(--vscode-list-focusOutline);
  }
  .body.selected > span {
    color: inherit;
  }
  @container (max-width: 520px) {
    .row {
      grid-template-columns: minmax(90px, 3fr) 24px minmax(70px, 1.5fr) 84px;
      padding-left: 8px;
    }
    .index,
    .output {
      display: none;
    }
  }
`;
