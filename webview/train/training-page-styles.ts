import { css } from "lit";

/** The training page inside its frame, which `pageStyles` makes. */
export const trainingPageStyles = css`
  .body {
    display: grid;
    grid-template-columns: 300px minmax(0, 1fr);
    min-height: 0;
  }
  .closed .body {
    grid-template-columns: 90px minmax(0, 1fr);
  }
  .setup {
    overflow-y: auto;
    min-height: 0;
    border-right: 1px solid var(--line);
  }
  .setup-title {
    display: flex;
    align-items: center;
    gap: 4px;
    width: 100%;
    font: inherit;
    color: inherit;
    background: none;
    border: 0;
    padding: 4px 12px;
    cursor: pointer;
  }
  .charts {
    display: grid;
    grid-template-columns: repeat(2, minmax(0, 1fr));
    align-content: start;
    gap: 8px 20px;
    padding: 6px 12px;
    overflow-y: auto;
    min-height: 0;
    --plot-height: clamp(170px, calc((100vh - 240px) / 2), 460px);
  }
  @media (max-width: 1100px) {
    .charts {
      grid-template-columns: minmax(0, 1fr);
      --plot-height: 220px;
    }
  }
  @media (max-width: 720px) {
    .body,
    .closed .body {
      grid-template-columns: minmax(0, 1fr);
    }
    .setup {
      border-right: 0;
      border-bottom: 1px solid var(--line);
      overflow: visible;
    }
    .charts {
      overflow: visible;
    }
    .notice {
      position: sticky;
      bottom: 0;
      background: var(--vscode-editor-background);
    }
  }
`;
