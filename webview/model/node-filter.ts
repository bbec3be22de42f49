import type { NodeRow } from "../../src/protocol/engine.ts";
import type { Finding, Severity } from "../../src/protocol/reports.ts";

export interface NodeFilter {
  readonly search: string;
  /** An operator's name; "" takes all. */
  readonly operator: string;
  readonly onlyFindings: boolean;
}

export const NO_FILTER: NodeFilter = { search: "", operator: "", onlyFindings: false };

/** Every word of the search must occur in the row's name, operator or shape. */
export function filterRows(
  rows: readonly NodeRow[],
  filter: NodeFilter,
  flagged: ReadonlyMap<string, NodeFlag>,
): readonly NodeRow[] {
  const words = filter.search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0 && filter.operator === "" && !filter.onlyFindings) return rows;
  return rows.filter((row) => {
    if (filter.operator !== "" && row.opType !== filter.operator) return false;
    if (filter.onlyFindings && !flagged.has(row.name)) return false;
    const text = `${row.name} ${row.opType} ${row.output}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** What marks a row: its gravest finding, and whether something can be done about it. */
export interface NodeFlag {
  readonly severity: Severity;
  readonly fixable: boolean;
  readonly message: string;
}

const GRAVITY: Readonly<Record<Severity, number>> = { information: 0, warning: 1, error: 2 };

export function flagNodes(findings: readonly Finding[]): ReadonlyMap<string, NodeFlag> {
  const flags = new Map<string, NodeFlag>();
  for (const finding of findings) {
    const known = flags.get(finding.node);
    const graver = known === undefined || GRAVITY[finding.severity] > GRAVITY[known.severity];
    flags.set(finding.node, {
      severity: graver ? finding.severity : known.severity,
      message: graver ? finding.message : known.message,
      fixable: finding.fix !== undefined || known?.fixable === true,
    });
  }
  return flags;
}
