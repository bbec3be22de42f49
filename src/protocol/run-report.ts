import type { PassReport } from "./reports.ts";
import type { TrainingEvent } from "./training.ts";

/** What a stand-alone report shows: a training run, and the change that came before or after it. */
export interface RunReport {
  readonly title: string;
  /** File name of the model. */
  readonly model: string;
  readonly passes: readonly PassReport[];
  readonly events: readonly TrainingEvent[];
}

export interface ReportParts {
  /** media/report/template.html. */
  readonly template: string;
  /** The bundled page script, dist/webview/report.js. */
  readonly script: string;
  /** The icon font as a base64 string. */
  readonly iconFont: string;
  readonly report: RunReport;
}

/** One HTML file that needs nothing else: template, script, font and numbers in one. */
export function reportDocument({ template, script, iconFont, report }: ReportParts): string {
  const parts: Readonly<Record<string, string>> = {
    title: report.title.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`),
    // Neither a name in the numbers nor a string in the script may end its element.
    data: JSON.stringify(report).replaceAll("<", "\\u003c"),
    script: script.replaceAll("</script", "<\\/script"),
    font: iconFont,
  };
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name] ?? "");
}
