import {
  Chart,
  type ChartConfiguration,
  type ChartDataset,
  Filler,
  LinearScale,
  LineController,
  LineElement,
  type Plugin,
  PointElement,
} from "chart.js";
import { customElement, property } from "lit/decorators.js";
import { type Palette, translucent } from "../theme/palette.ts";
import { axisLook } from "./axis-options.ts";
import { ChartElement } from "./chart-element.ts";
import type { LinePoint, RidgeModel, RidgeRow } from "./model.ts";
import { ridgeTable } from "./tables.ts";

Chart.register(LineController, LineElement, PointElement, LinearScale, Filler);

/** One line an epoch, the newest in front; height is the share of values, on one scale for all. */
@customElement("normlens-ridge-chart")
export class RidgeChart extends ChartElement<"line", LinePoint> {
  @property({ attribute: false }) model!: RidgeModel;
  @property({ type: Number }) selectedEpoch = 0;
  /** √ of the share shows what is rare. */
  @property({ type: Boolean }) squareRoot = false;

  protected get heading() {
    return "Activations";
  }

  protected get description() {
    return this.model.description;
  }

  protected get isEmpty() {
    return this.model.rows.length === 0;
  }

  protected get table() {
    return ridgeTable(this.model);
  }

  /** How many row distances the highest bin rises: few lines stand apart, many overlap. */
  private get rise(): number {
    const span = (this.model.rows.at(-1)?.epoch ?? 1) - (this.model.rows[0]?.epoch ?? 1) + 1;
    return Math.max(0.9, span / 6);
  }

  private height(share: number): number {
    const { peak } = this.model;
    if (peak === 0) return 0;
    return this.rise * (this.squareRoot ? Math.sqrt(share / peak) : share / peak);
  }

  protected configuration(palette: Palette): ChartConfiguration<"line", LinePoint[]> {
    const { edges, rows } = this.model;
    const { low, high, width } = binsOf(edges);
    const first = rows[0]?.epoch ?? 1;
    const last = rows.at(-1)?.epoch ?? 1;
    const epochs = axisLook(palette, "Epoch");
    return {
      type: "line",
      // Chart.js draws the first data set last, so the newest epoch goes first.
      data: { datasets: rows.toReversed().map((row) => this.line(row, low, width, palette)) },
      options: {
        animation: false,
        maintainAspectRatio: false,
        parsing: false,
        normalized: true,
        events: [],
        layout: { padding: { top: 2, right: 8 } },
        scales: {
          x: {
            type: "linear",
            min: low - 2.4 * width,
            max: high + 2.4 * width,
            ...axisLook(palette, ""),
          },
          // Downwards: epoch k stands at −k, so that newer lines are lower and in front.
          y: {
            type: "linear",
            min: -last - 0.3,
            max: -first + this.rise * 1.02,
            ...epochs,
            grid: { display: false },
            ticks: {
              ...epochs.ticks,
              precision: 0,
              callback: (value) => {
                const epoch = -Number(value);
                return Number.isInteger(epoch) && epoch >= first && epoch <= last ? epoch : "";
              },
            },
          },
        },
      },
      plugins: [this.outsideBars()],
    };
  }

  private line(
    row: RidgeRow,
    low: number,
    width: number,
    palette: Palette,
  ): ChartDataset<"line", LinePoint[]> {
    const selected = row.epoch === this.selectedEpoch;
    const base = -row.epoch;
    const points = row.shares.map((share, bin) => ({
      x: low + (bin + 0.5) * width,
      y: base + this.height(share),
    }));
    return {
      data: points,
      borderColor: selected ? palette.yellow : palette.blue,
      borderWidth: selected ? 2 : 1,
      pointRadius: 0,
      backgroundColor: translucent(palette.background, selected ? 0.3 : 0.75),
      fill: { value: base },
    };
  }

  private outsideBars(): Plugin<"line"> {
    return {
      id: "normlens-outside",
      afterDatasetsDraw: (chart) => {
        const { x: xScale, y: yScale } = chart.scales;
        if (xScale === undefined || yScale === undefined) return;
        const { palette } = this.theme;
        const { low, high, width } = binsOf(this.model.edges);
        const bar = (row: RidgeRow, share: number, x: number) => {
          if (share <= 0) return;
          const left = xScale.getPixelForValue(x - width / 2);
          const right = xScale.getPixelForValue(x + width / 2);
          const bottom = yScale.getPixelForValue(-row.epoch);
          const top = Math.min(
            bottom - 1,
            yScale.getPixelForValue(-row.epoch + this.height(share)),
          );
          chart.ctx.fillStyle = translucent(palette.background, 0.75);
          chart.ctx.strokeStyle = row.epoch === this.selectedEpoch ? palette.yellow : palette.red;
          chart.ctx.fillRect(left, top, right - left, bottom - top);
          chart.ctx.strokeRect(left, top, right - left, bottom - top);
        };
        chart.ctx.save();
        for (const row of this.model.rows) {
          bar(row, row.below, low - 1.5 * width);
          bar(row, row.above, high + 1.5 * width);
        }
        chart.ctx.restore();
      },
    };
  }
}

function binsOf(edges: readonly number[]) {
  const low = edges[0] ?? 0;
  const high = edges.at(-1) ?? 1;
  return { low, high, width: (high - low) / Math.max(1, edges.length - 1) || 1 };
}
