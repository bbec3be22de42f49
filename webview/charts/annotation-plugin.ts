import type { Chart, Plugin } from "chart.js";
import type { Palette } from "../theme/palette.ts";
import type { Annotation } from "./model.ts";

/** Writes words on the line itself, and the vertical line under the pointer. */
export function annotationPlugin(
  read: () => { readonly annotations: readonly Annotation[]; readonly palette: Palette },
): Plugin<"line"> {
  return {
    id: "normlens-annotations",
    afterDatasetsDraw(chart) {
      const { annotations, palette } = read();
      drawPointer(chart, palette);
      for (const annotation of annotations) draw(chart, annotation, palette);
    },
  };
}

function drawPointer(chart: Chart<"line">, palette: Palette) {
  const active = chart.getActiveElements()[0];
  if (active === undefined) return;
  const { ctx, chartArea } = chart;
  ctx.save();
  ctx.strokeStyle = palette.lines;
  ctx.beginPath();
  ctx.moveTo(active.element.x, chartArea.top);
  ctx.lineTo(active.element.x, chartArea.bottom);
  ctx.stroke();
  ctx.restore();
}

function draw(chart: Chart<"line">, annotation: Annotation, palette: Palette) {
  const { ctx, chartArea, scales } = chart;
  const x = scales.x?.getPixelForValue(annotation.x);
  const yScale = scales.y;
  if (x === undefined || yScale === undefined || x < chartArea.left - 1 || x > chartArea.right + 1)
    return;
  ctx.save();
  ctx.font = `${Math.max(10, palette.fontSize - 1)}px ${palette.font}`;
  ctx.strokeStyle = palette[annotation.color];
  ctx.fillStyle = palette[annotation.color];
  ctx.lineWidth = 1;
  const width = ctx.measureText(annotation.label).width;
  // The label keeps inside the plot: to the left of its line once there is no room on the right.
  const textX = x + width + 8 > chartArea.right ? x - width - 6 : x + 6;
  if (annotation.y === undefined) {
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.moveTo(x, chartArea.top);
    ctx.lineTo(x, chartArea.bottom);
    ctx.stroke();
    const textY = curvesEndHigh(chart) ? chartArea.bottom - 8 : chartArea.top + 12;
    label(ctx, annotation.label, textX, textY, palette);
  } else {
    const y = yScale.getPixelForValue(annotation.y);
    ctx.lineWidth = 2;
    ctx.beginPath();
    ctx.arc(x, y, 5, 0, 2 * Math.PI);
    ctx.stroke();
    const above = y - 10 > chartArea.top + 20;
    label(ctx, annotation.label, textX, above ? y - 9 : y + 18, palette);
  }
  ctx.restore();
}

/** A label at the top would lie on curves that end there, as those of accuracy do. */
function curvesEndHigh(chart: Chart<"line">): boolean {
  const { top, height } = chart.chartArea;
  return chart.data.datasets.some((_, index) => {
    const y = chart.getDatasetMeta(index).data.at(-1)?.y;
    return y !== undefined && y < top + height / 4;
  });
}

/** A halo of the background keeps a word legible where a curve runs behind it. */
function label(
  ctx: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  palette: Palette,
) {
  ctx.save();
  ctx.setLineDash([]);
  ctx.lineWidth = 4;
  ctx.lineJoin = "round";
  ctx.strokeStyle = palette.background;
  ctx.strokeText(text, x, y);
  ctx.fillStyle = palette.foreground;
  ctx.fillText(text, x, y);
  ctx.restore();
}
