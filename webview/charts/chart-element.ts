import { Chart, type ChartConfiguration, type ChartType } from "chart.js";
import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { property, query, state } from "lit/decorators.js";
import type { Palette } from "../theme/palette.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { ThemeController } from "../theme/theme-controller.ts";
import "../elements/menu-button.ts";
import "./data-table.ts";
import { notice, saveFile } from "../elements/page-events.ts";
import type { DataTable } from "./model.ts";
import { csv, tabSeparated } from "./tables.ts";

const MENU = [
  { id: "table", label: "Show as table" },
  { id: "copy", label: "Copy" },
  { id: "png", label: "Save PNG…" },
  { id: "csv", label: "Save CSV…" },
];
const MENU_OF_TABLE = [{ id: "table", label: "Show as chart" }, ...MENU.slice(1)];

/** What every chart has besides its drawing: a title, a sentence, a menu, and its table. */
export abstract class ChartElement<Kind extends ChartType, Point> extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      figure {
        margin: 0;
        display: flex;
        flex-direction: column;
        height: 100%;
        min-width: 0;
      }
      figcaption {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 2px 10px;
        min-height: 28px;
        position: relative;
        padding-right: 28px;
      }
      figcaption > .heading {
        flex: 0 1 auto;
      }
      .legend {
        display: flex;
        gap: 2px;
        flex: 0 1 auto;
      }
      slot[name="controls"] {
        display: block;
        margin-left: auto;
      }
      normlens-menu-button {
        position: absolute;
        top: 3px;
        right: 0;
      }
      .plot {
        position: relative;
        flex: none;
        height: var(--plot-height, 200px);
        min-height: 60px;
        min-width: 0;
      }
      .plot > .canvas {
        position: absolute;
        inset: 0;
      }
      .empty {
        position: absolute;
        inset: 0;
        display: grid;
        place-content: center;
        text-align: center;
        color: var(--muted);
        padding: 8px;
        /* Axes without data would show numbers that mean nothing. */
        background: var(--vscode-editor-background);
        border: 1px dashed var(--line);
      }
      normlens-data-table {
        position: absolute;
        inset: 0;
        background: var(--vscode-editor-background);
      }
    `,
  ];

  /** What stands there before there is anything to draw. */
  @property() empty = "Nothing to show yet";
  @property({ type: Number }) headingLevel = 2;
  @query("canvas") private canvas!: HTMLCanvasElement | null;
  @state() private asTable = false;
  @state() protected spoken = "";
  protected chart: Chart<Kind, Point[]> | undefined;
  private drawnPalette: Palette | undefined;
  protected theme = new ThemeController(this);

  protected abstract get heading(): string;
  protected abstract get description(): string;
  protected abstract get isEmpty(): boolean;
  protected abstract get table(): DataTable;
  protected abstract configuration(palette: Palette): ChartConfiguration<Kind, Point[]>;

  protected legend(): TemplateResult | typeof nothing {
    return nothing;
  }

  /** The chart's keys, where it has any. */
  protected onKey(_event: KeyboardEvent): void {}

  override render() {
    return html`<figure>
      <figcaption>
        <div
          class="heading clip"
          role="heading"
          aria-level=${this.headingLevel}
          title=${this.heading}
        >
          ${this.heading}
        </div>
        ${this.legend()}<slot name="controls"></slot>
        <normlens-menu-button
          label=${`${this.heading}: more actions`}
          .items=${this.asTable ? MENU_OF_TABLE : MENU}
          @choose=${(event: CustomEvent<string>) => this.choose(event.detail)}
        ></normlens-menu-button>
      </figcaption>
      <div class="plot">
        <div class="canvas">
          <canvas
            role="img"
            tabindex=${this.isEmpty ? nothing : 0}
            aria-label=${this.description}
            @keydown=${this.onKey}
          ></canvas>
        </div>
        ${this.isEmpty ? html`<div class="empty">${this.empty}</div>` : nothing}
        ${
          this.asTable
            ? html`<normlens-data-table
                .table=${this.table}
                label=${this.heading}
              ></normlens-data-table>`
            : nothing
        }
      </div>
      <span class="hidden-text" aria-live="polite">${this.spoken}</span>
    </figure>`;
  }

  protected override updated(_changed: PropertyValues) {
    if (this.canvas === null) return;
    const configuration = this.configuration(this.theme.palette);
    if (this.chart === undefined) {
      this.chart = new Chart<Kind, Point[]>(this.canvas, configuration);
    } else {
      this.chart.data = configuration.data;
      if (configuration.options !== undefined) this.chart.options = configuration.options;
      this.chart.update("none");
      if (this.theme.palette !== this.drawnPalette) this.reopenTooltip(this.chart);
    }
    this.drawnPalette = this.theme.palette;
  }

  /** An open tooltip keeps the colours that it was opened with. */
  private reopenTooltip(chart: Chart<Kind, Point[]>) {
    const { tooltip, data } = chart;
    const active = tooltip
      ?.getActiveElements()
      .map(({ datasetIndex, index }) => ({ datasetIndex, index }))
      .filter(({ datasetIndex, index }) => data.datasets[datasetIndex]?.data[index] !== undefined);
    if (tooltip === undefined || active === undefined || active.length === 0) return;
    const at = { x: tooltip.caretX, y: tooltip.caretY };
    tooltip.setActiveElements([], at);
    tooltip.setActiveElements(active, at);
    chart.draw();
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.chart?.destroy();
    this.chart = undefined;
  }

  /** The drawing on the theme's background. */
  private painted(): HTMLCanvasElement | undefined {
    const { canvas } = this;
    if (canvas === null || canvas.width === 0) return undefined;
    const copy = document.createElement("canvas");
    copy.width = canvas.width;
    copy.height = canvas.height;
    const context = copy.getContext("2d");
    if (context === null) return undefined;
    context.fillStyle = this.theme.palette.background;
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(canvas, 0, 0);
    return copy;
  }

  private async choose(id: string) {
    const file = this.heading.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
    if (id === "table") {
      this.asTable = !this.asTable;
    } else if (id === "copy") {
      await navigator.clipboard.writeText(tabSeparated(this.table));
      notice(this, `Copied the numbers of ${this.heading}.`);
    } else if (id === "csv") {
      const content = new TextEncoder().encode(csv(this.table)).buffer;
      saveFile(this, `${file}.csv`, content);
    } else if (id === "png") {
      const copy = this.painted();
      copy?.toBlob(async (blob) => {
        if (blob !== null) saveFile(this, `${file}.png`, await blob.arrayBuffer());
      }, "image/png");
    }
  }
}
