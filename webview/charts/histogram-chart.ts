import {
  BarController,
  BarElement,
  Chart,
  type ChartConfiguration,
  type ChartDataset,
  LinearScale,
  Tooltip,
} from "chart.js";
import { customElement, property } from "lit/decorators.js";
import { count, decimal } from "../elements/format.ts";
import { type Palette, translucent } from "../theme/palette.ts";
import { axisLook, hoverLook } from "./axis-options.ts";
import { ChartElement } from "./chart-element.ts";
import type { HistogramModel, LinePoint } from "./model.ts";
import { histogramTable } from "./tables.ts";

Chart.register(BarController, BarElement, LinearScale, Tooltip);

/** Equal bins; what lies outside the edges stands beside them as bars of its own. */
@customElement("normlens-histogram-chart")
export class HistogramChart extends ChartElement<"bar", LinePoint> {
  @property({ attribute: false }) model!: HistogramModel;

  protected get heading() {
    return this.model.title;
  }

  protected get description() {
    return this.model.description;
  }

  protected get isEmpty() {
    return this.model.counts.length === 0;
  }

  protected get table() {
    return histogramTable(this.model);
  }

  protected configuration(palette: Palette): ChartConfiguration<"bar", LinePoint[]> {
    const { edges, counts, below, above } = this.model;
    const low = edges[0] ?? 0;
    const high = edges.at(-1) ?? 1;
    const width = (high - low) / Math.max(1, counts.length) || 1;
    const bins = counts.map((y, bin) => ({ x: low + (bin + 0.5) * width, y }));
    const outside = [
      ...(below > 0 ? [{ x: low - 1.5 * width, y: below }] : []),
      ...(above > 0 ? [{ x: high + 1.5 * width, y: above }] : []),
    ];
    const look = (
      data: LinePoint[],
      label: string,
      color: string,
    ): ChartDataset<"bar", LinePoint[]> => ({
      label,
      data,
      backgroundColor: translucent(color, palette.highContrast ? 0.3 : 0.75),
      borderColor: color,
      borderWidth: palette.highContrast ? 1 : 0,
      barPercentage: 0.96,
      categoryPercentage: 1,
      grouped: false,
    });
    const range = (x: number) => `${decimal(x - width / 2, 3)} to ${decimal(x + width / 2, 3)}`;
    return {
      type: "bar",
      data: {
        datasets: [
          look(bins, "In range", palette.blue),
          ...(outside.length > 0 ? [look(outside, "Outside", palette.red)] : []),
        ],
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        parsing: false,
        layout: { padding: { top: 2, right: 4 } },
        interaction: { mode: "nearest", axis: "x", intersect: false },
        scales: {
          x: {
            type: "linear",
            min: low - (below > 0 ? 2.2 * width : 0),
            max: high + (above > 0 ? 2.2 * width : 0),
            ...axisLook(palette, ""),
            grid: { display: false },
          },
          y: { beginAtZero: true, ...axisLook(palette, ""), grid: { display: false } },
        },
        plugins: {
          tooltip: {
            ...hoverLook(palette),
            displayColors: false,
            callbacks: {
              title: (items) => {
                const x = items[0]?.parsed.x ?? 0;
                if (x < low) return `below ${decimal(low, 3)}`;
                return x > high ? `above ${decimal(high, 3)}` : range(x);
              },
              label: (item) => count(item.parsed.y ?? 0),
            },
          },
        },
      },
    };
  }
}
