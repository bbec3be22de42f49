import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunReport } from "../../protocol/run-report.ts";

/**
 * A report as one HTML file that needs nothing else: template, script, icon font and numbers in one.
 * It can be mailed or attached to an issue, and it loads nothing when it is opened.
 *
 * @param extension the folder of the built extension
 */
export async function reportHtml(extension: string, report: RunReport): Promise<string> {
  const [template, bundle, font] = await Promise.all([
    readFile(join(extension, "media", "report", "template.html"), "utf8"),
    readFile(join(extension, "dist", "webview", "report.js"), "utf8"),
    readFile(join(extension, "dist", "webview", "codicon.ttf"), "base64"),
  ]);
  const script = insideScript(bundle);
  const parts: Readonly<Record<string, string>> = {
    title: escaped(report.title),
    // The policy allows this script by its digest, so that no other can ever run.
    digest: createHash("sha256").update(script).digest("base64"),
    data: JSON.stringify(report).replaceAll("<", "\\u003c"),
    script,
    font,
  };
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name] ?? "");
}

/** The code with nothing in it that would end its script element or open another one. */
function insideScript(code: string): string {
  return code
    .replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n")
    .replace(/<(?=!--|\/?script)/gi, "\\x3C");
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
