import { css } from "lit";

/** The model page inside its frame, which `pageStyles` makes. */
export const modelPageStyles = css`
  .waiting {
    border-top: 1px solid var(--line);
    padding: 4px 12px 6px;
    line-height: 22px;
  }
  .split {
    display: grid;
    grid-template-columns: minmax(0, 3fr) minmax(320px, 2fr);
    border-top: 1px solid var(--line);
    min-height: 0;
  }
  .side {
    min-height: 0;
    min-width: 0;
    overflow-y: auto;
    border-left: 1px solid var(--line);
    position: relative;
  }
  .hint {
    padding: 12px;
    color: var(--muted);
  }
  .failed {
    display: flex;
    flex-direction: column;
    align-items: flex-start;
    gap: 10px;
    max-width: 640px;
    padding: 15vh 24px;
    margin: 0 auto;
    overflow-wrap: anywhere;
  }
  .failed > div {
    display: grid;
    gap: 10px;
  }
  .failed h1 {
    font-size: 1.2em;
    font-weight: 600;
  }
  /* One column: the list keeps a height of its own and the page scrolls down to the node. */
  @media (max-width: 720px) {
    .split {
      grid-template-columns: minmax(0, 1fr);
    }
    normlens-node-panel {
      height: 55vh;
    }
    .side {
      border-left: 0;
      border-top: 1px solid var(--line);
      overflow: visible;
    }
    normlens-status-line {
      position: sticky;
      bottom: 0;
    }
  }
`;
