/** Which rows of a long list of fixed height stand in sight. */

export interface RowWindow {
  readonly first: number;
  /** One after the last. */
  readonly end: number;
}

/** Rows drawn beyond each edge, so that a quick scroll shows no gap before the next frame. */
const OVERSCAN = 10;

export function rowWindow(
  scrollTop: number,
  height: number,
  rowHeight: number,
  total: number,
): RowWindow {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - OVERSCAN);
  const end = Math.min(total, Math.ceil((scrollTop + height) / rowHeight) + OVERSCAN);
  return { first: Math.min(first, Math.max(0, end)), end: Math.max(0, end) };
}

/** The scroll position that shows a row whole, moving no more than needed. */
export function scrollToShow(
  row: number,
  scrollTop: number,
  height: number,
  rowHeight: number,
): number {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  return top + rowHeight > scrollTop + height ? top + rowHeight - height : scrollTop;
}

/** Where a key takes the selection; undefined where the key means nothing here. */
export function moveSelection(
  key: string,
  from: number,
  total: number,
  rowsPerPage: number,
): number | undefined {
  const page = Math.max(1, rowsPerPage - 1);
  const target = {
    ArrowDown: from + 1,
    ArrowUp: from < 0 ? total - 1 : from - 1,
    PageDown: Math.max(0, from) + page,
    PageUp: from - page,
    Home: 0,
    End: total - 1,
  }[key];
  if (target === undefined || total === 0) return undefined;
  return Math.min(total - 1, Math.max(0, target));
}
