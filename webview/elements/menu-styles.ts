import { css } from "lit";

export const menuStyles = css`
  [popover] {
    position: fixed;
    inset: auto;
    margin: 0;
    padding: 4px;
    min-width: 150px;
    max-width: min(420px, 100vw);
    max-height: min(480px, 90vh);
    overflow-y: auto;
    color: var(--vscode-menu-foreground);
    background: var(--vscode-menu-background);
    border: 1px solid var(--vscode-menu-border, var(--line));
    border-radius: 5px;
    box-shadow: 0 2px 8px var(--vscode-widget-shadow, transparent);
  }
  [role="menuitem"] {
    display: block;
    width: 100%;
    font: inherit;
    text-align: left;
    color: inherit;
    background: none;
    border: 1px solid transparent;
    border-radius: 3px;
    padding: 3px 20px 3px 8px;
    cursor: pointer;
  }
  [role="menuitem"]:focus,
  [role="menuitem"]:hover {
    color: var(--vscode-menu-selectionForeground, inherit);
    background: var(--vscode-menu-selectionBackground);
    border-color: var(--vscode-menu-selectionBorder, transparent);
    outline: none;
  }
  .group {
    padding: 4px 8px 2px;
    font-weight: 600;
  }
  [role="group"] + [role="group"] {
    border-top: 1px solid var(--vscode-menu-separatorBackground, var(--line));
    margin-top: 4px;
  }
  /* As the buttons of vscode-elements, which have no menu. */
  .button {
    display: inline-flex;
    align-items: center;
    gap: 4px;
    height: 100%;
    min-height: 26px;
    padding: 1px 6px 1px 13px;
    font: inherit;
    line-height: 22px;
    white-space: nowrap;
    color: var(--vscode-button-secondaryForeground);
    background: var(--vscode-button-secondaryBackground);
    border: 1px solid
      var(--vscode-button-border, var(--vscode-button-secondaryBackground, transparent));
    border-radius: 4px;
    cursor: pointer;
  }
  .button:hover {
    background: var(--vscode-button-secondaryHoverBackground);
  }
  .button.primary {
    padding: 1px 4px;
    color: var(--vscode-button-foreground);
    background: var(--vscode-button-background);
    border-color: var(--vscode-button-border, transparent);
  }
  .button.primary:hover {
    background: var(--vscode-button-hoverBackground);
  }
  .button:focus-visible {
    outline-offset: 2px;
  }
  .button:disabled {
    opacity: 0.4;
    pointer-events: none;
  }
`;
