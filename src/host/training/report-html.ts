import type { TrainingEvent } from "../../protocol/training.ts";
import type { ReportChart } from "../../protocol/training-page.ts";

export interface TrainingReport {
  readonly model: string;
  readonly charts: readonly ReportChart[];
  readonly events: readonly TrainingEvent[];
}

const imagePrefix = "data:image/png;base64,";

const style = `
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1f2328; background: #fff; }
  h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
  figure { margin: 1rem 0; } img { max-width: 100%; height: auto; }
  figcaption { color: #59636e; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
  th, td { border-bottom: 1px solid #d1d9e0; padding: 0.2rem 0.8rem; text-align: right; }
  pre { background: #f6f8fa; padding: 1rem; overflow: auto; }`;

/**
 * A run as one file that needs nothing else: it loads nothing, runs no script, and can be mailed or
 * attached to an issue.
 */
export function reportHtml({ model, charts, events }: TrainingReport): string {
  const start = events.find((event) => event.event === "start");
  const stop = events.find((event) => event.event === "stop");
  const done = events.find((event) => event.event === "done");
  const sections = [
    `<h1>Training of ${escaped(model)}</h1>`,
    ...(stop === undefined ? [] : [`<p>${escaped(stop.sentence)}</p>`]),
    ...(done === undefined ? [] : [`<p>${escaped(testSentence(done))}</p>`]),
    ...charts.filter(({ image }) => image.startsWith(imagePrefix)).map(figure),
    epochTable(events),
    ...(start === undefined
      ? []
      : ["<h2>Configuration</h2>", `<pre>${escaped(JSON.stringify(start.config, null, 2))}</pre>`]),
  ];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Training of ${escaped(model)}</title>
<style>${style}
</style>
</head>
<body>
${sections.join("\n")}
</body>
</html>
`;
}

function figure({ title, image, description }: ReportChart): string {
  return `<h2>${escaped(title)}</h2>
<figure><img src="${escaped(image)}" alt="${escaped(description)}"><figcaption>${escaped(description)}</figcaption></figure>`;
}

function epochTable(events: readonly TrainingEvent[]): string {
  const rows = events
    .filter((event) => event.event === "epoch")
    .map((event) => {
      const cells = [
        event.best ? `${event.epoch} ★` : String(event.epoch),
        number(event.trainLoss),
        number(event.validationLoss),
        percent(event.validationAccuracy),
        event.seconds.toFixed(1),
      ];
      return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`;
    });
  if (rows.length === 0) return "";
  const head = ["Epoch", "Training loss", "Validation loss", "Validation accuracy", "Seconds"];
  return `<h2>Epochs</h2>
<table><thead><tr>${head.map((cell) => `<th scope="col">${cell}</th>`).join("")}</tr></thead>
<tbody>${rows.join("\n")}</tbody></table>
<p>★ better than every epoch before.</p>`;
}

function testSentence(done: Extract<TrainingEvent, { event: "done" }>): string {
  const accuracy =
    done.testAccuracy === undefined ? "" : `, accuracy ${percent(done.testAccuracy)}`;
  return `On the test set: loss ${number(done.testLoss)}${accuracy}.`;
}

function number(value: number | string): string {
  return typeof value === "number" ? value.toPrecision(4) : value;
}

function percent(value: number | string | undefined): string {
  if (value === undefined) return "–";
  return typeof value === "number" ? `${(100 * value).toFixed(2)} %` : value;
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
