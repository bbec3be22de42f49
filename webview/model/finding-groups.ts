import type { Finding, Severity } from "../../src/protocol/reports.ts";
import { count, counted } from "../elements/format.ts";

/** Findings of one kind, said in one line. */
export interface FindingGroup {
  readonly key: string;
  readonly severity: Severity;
  readonly sentence: string;
  readonly findings: readonly Finding[];
  /** What one click does about all of them. */
  readonly fix?: {
    readonly pass: string;
    readonly sites: readonly string[];
    readonly title: string;
  };
}

interface Phrase {
  readonly sentence: (many: number) => string;
  readonly title: string;
}

/** How many sites of a pass are told, and the words on the button for all of them. */
const FIXABLE: Readonly<Record<string, Phrase>> = {
  "fold-batch-norm": {
    sentence: (many) =>
      `${counted(many, "BatchNormalization node")} can be folded: −${counted(many, "node")}`,
    title: "Fold all",
  },
  "batch-norm-to-affine": {
    sentence: (many) => `${counted(many, "BatchNormalization node")} can become Mul and Add`,
    title: "Rewrite all",
  },
  "switch-to-inference": {
    sentence: (many) => `${counted(many, "node")} still in training mode`,
    title: "Switch all",
  },
  "switch-dropout-to-inference": {
    sentence: (many) => `${counted(many, "Dropout node")} still in training mode`,
    title: "Switch all",
  },
  "drop-redundant-bias": {
    sentence: (many) => `${counted(many, "bias", "biases")} in front of a BatchNorm without effect`,
    title: "Drop all",
  },
  "strip-dropout": {
    sentence: (many) =>
      `${counted(many, "Dropout node")} can be removed: −${counted(many, "node")}`,
    title: "Remove all",
  },
};

/** The same for findings without a fix: what is told of many at once. */
const UNFIXABLE: Readonly<Record<string, (many: number) => string>> = {
  "fold-batch-norm": (many) => `${counted(many, "BatchNormalization node")} cannot be folded`,
  "strip-dropout": (many) => `${counted(many, "Dropout node")} cannot be removed`,
};

const GRAVITY: Readonly<Record<Severity, number>> = { error: 0, warning: 1, information: 2 };

/** Grouped by rule, severity and whether there is a fix; the gravest first, then what can be done. */
export function groupFindings(findings: readonly Finding[]): readonly FindingGroup[] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = [finding.rule, finding.severity, finding.fix?.pass ?? ""].join("\n");
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [finding]);
    else members.push(finding);
  }
  return [...groups]
    .map(([key, members]) => describe(key, members))
    .sort(
      (a, b) =>
        GRAVITY[a.severity] - GRAVITY[b.severity] ||
        Number(a.fix === undefined) - Number(b.fix === undefined),
    );
}

function describe(key: string, findings: readonly Finding[]): FindingGroup {
  const first = findings[0] as Finding;
  const { severity } = first;
  const many = findings.length;
  const alone = many === 1 ? `${first.node}: ${first.message}` : undefined;
  if (first.fix === undefined) {
    const sentence =
      alone ??
      UNFIXABLE[first.rule]?.(many) ??
      `${count(many)} × ${first.rule.replaceAll("-", " ")}`;
    return { key, severity, sentence, findings };
  }
  const phrase = FIXABLE[first.fix.pass];
  const sites = findings.flatMap((finding) =>
    finding.fix === undefined ? [] : [finding.fix.site],
  );
  return {
    key,
    severity,
    sentence: phrase?.sentence(many) ?? alone ?? `${count(many)} × ${sharedWords(findings)}`,
    findings,
    fix: {
      pass: first.fix.pass,
      sites,
      title: many === 1 ? first.fix.title : (phrase?.title ?? "Fix all"),
    },
  };
}

/** The button's words where they are the same everywhere, else the rule's: nodes have names of their own. */
function sharedWords(findings: readonly Finding[]): string {
  const [title, ...others] = new Set(findings.map(({ fix }) => fix?.title));
  const rule = findings[0]?.rule.replaceAll("-", " ") ?? "";
  return others.length === 0 ? (title ?? rule) : rule;
}
