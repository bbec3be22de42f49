import { css } from "lit";

export const dataPageStyles = css`
  .summary,
  .state {
    padding: 0 12px 8px;
    overflow-wrap: anywhere;
  }
  .state {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 6px 12px;
  }
  .content {
    overflow-y: auto;
    min-height: 0;
    /* A wide table scrolls by itself. */
    min-width: 0;
    padding: 0 12px 12px;
  }
  .warnings {
    border-top: 1px solid var(--line);
    padding: 6px 0;
    line-height: 22px;
  }
  .warnings li {
    display: flex;
    gap: 6px;
    overflow-wrap: anywhere;
  }
  .warnings .icon {
    margin-top: 3px;
  }
  .charts {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr));
    gap: 8px 20px;
    border-top: 1px solid var(--line);
    padding: 6px 0;
    --plot-height: 220px;
  }
  .samples {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(96px, 1fr));
    gap: 10px;
    padding: 6px 0 12px;
  }
  @media (max-width: 720px) {
    .content {
      overflow: visible;
    }
  }
`;
