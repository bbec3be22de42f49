import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  type ChartConfiguration,
  LinearScale,
  Tooltip,
} from "chart.js";
import { html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { count } from "../elements/format.ts";
import type { ColorName, Palette } from "../theme/palette.ts";
import { axisLook, hoverLook } from "./axis-options.ts";
import { ChartElement } from "./chart-element.ts";
import "./chart-legend.ts";
import type { ClassModel, DataTable } from "./model.ts";

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Tooltip);

/** Characters of a class's name on the axis. */
const LONGEST_NAME = 14;

const COLORS: readonly ColorName[] = ["blue", "yellow", "purple"];

/** A bar a class, its parts on top of each other. */
@customElement("normlens-class-chart")
export class ClassChart extends ChartElement<"bar", number> {
  @property({ attribute: false }) model!: ClassModel;

  protected get heading() {
    return this.model.title;
  }

  protected get description() {
    return this.model.description;
  }

  protected get isEmpty() {
    return this.model.classes.length === 0;
  }

  protected get table(): DataTable {
    const { classes, parts } = this.model;
    return {
      columns: ["Class", ...parts.map(({ name }) => name)],
      rows: classes.map((name, index) => [name, ...parts.map(({ counts }) => counts[index] ?? 0)]),
    };
  }

  protected override legend() {
    return html`<span class="legend muted">${this.model.parts.map(({ name }) => name).join(", ")}, from below</span>`;
  }

  protected configuration(palette: Palette): ChartConfiguration<"bar", number[]> {
    const { classes, parts } = this.model;
    const x = axisLook(palette, "");
    const y = axisLook(palette, "");
    return {
      type: "bar",
      data: {
        labels: [...classes],
        datasets: parts.map(({ name, counts }, index) => ({
          label: name,
          data: [...counts],
          backgroundColor: palette[COLORS[index] ?? "blue"],
          borderColor: palette.background,
          borderWidth: { top: 1 },
          categoryPercentage: 0.9,
          barPercentage: 0.96,
        })),
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        interaction: { mode: "index", intersect: false },
        scales: {
          x: {
            ...x,
            type: "category",
            stacked: true,
            grid: { display: false },
            ticks: {
              color: palette.muted,
              font: x.ticks.font,
              maxRotation: 0,
              autoSkipPadding: 8,
              callback: (index: string | number) => shortened(classes[Number(index)] ?? ""),
            },
          },
          y: {
            ...y,
            beginAtZero: true,
            stacked: true,
            // Samples are counted in whole numbers.
            ticks: { ...y.ticks, precision: 0, callback: (value) => count(Number(value)) },
          },
        },
        plugins: {
          tooltip: {
            ...hoverLook(palette),
            callbacks: { label: (item) => `${item.dataset.label}: ${count(item.parsed.y ?? 0)}` },
          },
        },
      },
    };
  }
}

/** A long name would take the place of its neighbours'; hovering tells it in full. */
function shortened(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
}

declare global {
  interface HTMLElementTagNameMap {
    "normlens-class-chart": ClassChart;
  }
}
