import { css } from "lit";

/** The line at the bottom of a page that tells what became of a wish, such as a saved file. */
export const noticeStyles = css`
  .notice {
    min-height: 24px;
    padding: 2px 12px;
    line-height: 20px;
    border-top: 1px solid var(--line);
    overflow-wrap: anywhere;
  }
`;
