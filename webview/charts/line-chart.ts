import {
  Chart,
  type ChartConfiguration,
  type ChartDataset,
  Filler,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
} from "chart.js";
import { html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { decimal } from "../elements/format.ts";
import { type Palette, translucent } from "../theme/palette.ts";
import { annotationPlugin } from "./annotation-plugin.ts";
import { axisLook, hoverLook } from "./axis-options.ts";
import { ChartElement } from "./chart-element.ts";
import type { HoverLink } from "./hover-link.ts";
import type { LineModel, LinePoint, LineSeries } from "./model.ts";
import "./chart-legend.ts";
import { lineTable } from "./tables.ts";

Chart.register(
  LineController,
  LineElement,
  PointElement,
  LinearScale,
  LogarithmicScale,
  Filler,
  Tooltip,
);

/** Beyond this many points their markers would hide the line. */
const MARKED_POINTS = 40;

/** Beyond this many, a noisy line drawn thick would be a block. */
const DENSE_POINTS = 300;

/** Curves with their own x, a legend for keys, and a pointer shared with the other charts. */
@customElement("normlens-line-chart")
export class LineChart extends ChartElement<"line", LinePoint> {
  @property({ attribute: false }) model!: LineModel;
  @property({ attribute: false }) hoverLink: HoverLink | undefined;
  /** How much of this chart's x makes one epoch. */
  @property({ type: Number }) xPerEpoch = 1;
  /** Small multiples leave out what their neighbours say. */
  @property({ type: Boolean }) compact = false;
  @state() private hiddenSeries: ReadonlySet<string> = new Set();
  #leave: (() => void) | undefined;

  protected get heading() {
    return this.model.title;
  }

  protected get description() {
    return this.model.description;
  }

  protected get isEmpty() {
    return this.model.series.every((series) => series.points.length === 0);
  }

  protected get table() {
    return lineTable(this.model);
  }

  override connectedCallback() {
    super.connectedCallback();
    this.#leave = this.hoverLink?.join((epoch, from) => {
      if (from !== this) this.showAt(epoch === undefined ? undefined : epoch * this.xPerEpoch);
    });
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.#leave?.();
  }

  protected override legend() {
    if (this.compact) return nothing;
    return html`<normlens-chart-legend
      class="legend"
      .series=${this.model.series.filter((series) => series.faint !== true)}
      .hiddenSeries=${this.hiddenSeries}
      @toggle-series=${(event: CustomEvent<string>) => this.toggle(event.detail)}
    ></normlens-chart-legend>`;
  }

  private toggle(id: string) {
    const hidden = new Set(this.hiddenSeries);
    if (!hidden.delete(id)) hidden.add(id);
    this.hiddenSeries = hidden;
  }

  protected configuration(palette: Palette): ChartConfiguration<"line", LinePoint[]> {
    const { model } = this;
    const [xMin, xMax] = model.xRange ?? [undefined, undefined];
    const [yMin, yMax] = model.yRange ?? [undefined, undefined];
    const range = (min: number | undefined, max: number | undefined) => ({
      ...(min === undefined ? {} : { min }),
      ...(max === undefined ? {} : { max }),
    });
    const x = axisLook(palette, this.compact ? "" : model.xName);
    return {
      type: "line",
      data: { datasets: model.series.map((series, index) => this.lineOf(series, index, palette)) },
      options: {
        animation: false,
        maintainAspectRatio: false,
        parsing: false,
        normalized: true,
        interaction: { mode: "index", intersect: false, axis: "x" },
        layout: { padding: { top: 4, right: 8 } },
        scales: {
          x: {
            type: "linear",
            ...range(xMin, xMax),
            ...x,
            // Epochs and steps are counted, not measured.
            ticks: { ...x.ticks, precision: 0 },
          },
          y: {
            type: model.logarithmic ? "logarithmic" : "linear",
            ...range(yMin, yMax),
            ...axisLook(palette, ""),
          },
        },
        plugins: {
          tooltip: {
            ...hoverLook(palette),
            filter: (item) => model.series[item.datasetIndex]?.faint !== true,
            callbacks: {
              title: (items) => `${model.xName} ${decimal(items[0]?.parsed.x ?? Number.NaN)}`,
              label: (item) => ` ${item.dataset.label}: ${decimal(item.parsed.y ?? Number.NaN)}`,
            },
          },
        },
        onHover: (_event, active) => this.point(active[0]?.index),
      },
      plugins: [
        annotationPlugin(() => ({
          annotations: this.model.annotations,
          palette: this.theme.palette,
        })),
        { id: "normlens-leave", afterEvent: (_chart, { event }) => this.onChartEvent(event.type) },
      ],
    };
  }

  private lineOf(
    series: LineSeries,
    index: number,
    palette: Palette,
  ): ChartDataset<"line", LinePoint[]> {
    const color = palette[series.color];
    const target = this.model.series.findIndex((each) => each.id === series.fillTo);
    const marked = series.marker !== "none" && series.points.length <= MARKED_POINTS;
    return {
      label: series.name,
      data: [...series.points],
      hidden: this.hiddenSeries.has(series.id.replace(/-measured$/, "")),
      borderColor: series.faint ? translucent(color, 0.35) : color,
      backgroundColor: series.fillTo === undefined ? color : translucent(color, 0.2),
      borderWidth: series.faint || series.points.length > DENSE_POINTS ? 1 : 1.75,
      borderDash: series.dashed ? [5, 3] : [],
      pointStyle: series.marker === "triangle" ? "triangle" : "circle",
      pointRadius: marked ? 2.5 : 0,
      pointHoverRadius: series.faint ? 0 : 4,
      fill: target < 0 ? false : target,
      spanGaps: false,
      // Markers at the ends of the axis stay whole.
      clip: 6,
      order: index,
    };
  }

  private onChartEvent(type: string) {
    if (type === "mouseout") this.hoverLink?.point(undefined, this);
  }

  private point(index: number | undefined) {
    const x = index === undefined ? undefined : this.model.series[0]?.points[index]?.x;
    this.hoverLink?.point(x === undefined ? undefined : x / this.xPerEpoch, this);
  }

  protected override onKey(event: KeyboardEvent) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const points = this.model.series[0]?.points ?? [];
    if (step === undefined || points.length === 0) return;
    event.preventDefault();
    const now = this.chart?.getActiveElements()[0]?.index;
    const from = now ?? (step > 0 ? -1 : points.length);
    const next = Math.min(points.length - 1, Math.max(0, from + step));
    this.showAt(points[next]?.x);
    this.point(next);
    const values = this.model.series
      .filter((series) => series.faint !== true)
      .map((series) => `${series.name} ${decimal(series.points[next]?.y ?? Number.NaN)}`);
    this.spoken = `${this.model.xName} ${points[next]?.x}: ${values.join(", ")}`;
  }

  /** Shows the values nearest to x, as hovering there would. */
  private showAt(x: number | undefined) {
    const { chart } = this;
    if (chart === undefined) return;
    const active =
      x === undefined
        ? []
        : this.model.series.flatMap((series, datasetIndex) =>
            series.points.length === 0 || !chart.isDatasetVisible(datasetIndex)
              ? []
              : [{ datasetIndex, index: nearest(series.points, x) }],
          );
    chart.setActiveElements(active);
    chart.tooltip?.setActiveElements(active, { x: 0, y: 0 });
    chart.draw();
  }
}

function nearest(points: readonly LinePoint[], x: number): number {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.x ?? 0) < x) low = middle + 1;
    else high = middle;
  }
  const before = points[low - 1];
  const at = points[low];
  return before !== undefined && at !== undefined && x - before.x < at.x - x ? low - 1 : low;
}
