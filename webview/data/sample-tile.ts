import { css, html, LitElement, nothing, type PropertyValues, svg } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import type { SampleView, ShownSample } from "../../src/protocol/data-report.ts";
import { fromJsonNumber } from "../../src/protocol/reports.ts";
import { decimal } from "../elements/format.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { partName } from "./report-models.ts";

type ImageView = Extract<SampleView, { readonly kind: "image" }>;
type SoundView = Extract<SampleView, { readonly kind: "sound" }>;

/** One sample to look at, an image or a sound, with its class below. */
@customElement("normlens-sample-tile")
export class SampleTile extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      figure {
        margin: 0;
      }
      canvas,
      svg {
        display: block;
        width: 100%;
        height: 88px;
        border: 1px solid var(--line);
      }
      canvas {
        object-fit: contain;
        image-rendering: pixelated;
      }
      path {
        fill: var(--vscode-charts-blue);
      }
      figcaption {
        line-height: 18px;
      }
    `,
  ];

  @property({ attribute: false }) sample!: ShownSample;
  @query("canvas") private canvas!: HTMLCanvasElement | null;

  override render() {
    const { view, name, target, part } = this.sample;
    const words = `${target === undefined ? "" : `${target}: `}${name}, ${partName(part)}`;
    return html`<figure title=${words}>
      ${view.kind === "image" ? html`<canvas role="img" aria-label=${imageWords(view, words)} width=${view.width} height=${view.height}></canvas>` : nothing}
      ${view.kind === "sound" ? wave(view, words) : nothing}
      <figcaption>
        <div class="clip">${target ?? name}</div>
        <div class="clip muted">${partName(part)}</div>
      </figcaption>
    </figure>`;
  }

  protected override updated(_changed: PropertyValues) {
    const { view } = this.sample;
    const drawing = this.canvas?.getContext("2d");
    if (view.kind !== "image" || !drawing) return;
    const bytes = Uint8Array.from(atob(view.pixels), (character) => character.charCodeAt(0));
    const image = drawing.createImageData(view.width, view.height);
    const { channels } = view;
    for (let pixel = 0; pixel < view.width * view.height; pixel++) {
      for (let color = 0; color < 3; color++) {
        const from = pixel * channels + (channels === 3 ? color : 0);
        image.data[pixel * 4 + color] = bytes[from] ?? 0;
      }
      image.data[pixel * 4 + 3] = 255;
    }
    drawing.putImageData(image, 0, 0);
  }
}

function imageWords(view: ImageView, words: string): string {
  return `Image of ${words}, ${view.width}×${view.height} pixels`;
}

/** The bounds of each stretch as one band; full height is −largest … largest. */
function wave({ low, high, seconds }: SoundView, words: string) {
  const [lows, highs] = [low.map(fromJsonNumber), high.map(fromJsonNumber)];
  const largest = Math.max(1e-9, ...[...lows, ...highs].map(Math.abs).filter(Number.isFinite));
  const y = (value: number) =>
    (Number.isFinite(value) ? 50 - (48 * value) / largest : 50).toFixed(2);
  const top = highs.map((value, at) => `${at} ${y(value)}`);
  const bottom = lows.map((value, at) => `${at} ${y(value)}`).reverse();
  const label = `Sound of ${words}, ${decimal(seconds, 3)} s, at most ${decimal(largest, 3)}`;
  return html`<svg
    role="img"
    aria-label=${label}
    viewBox="0 0 ${Math.max(1, low.length - 1)} 100"
    preserveAspectRatio="none"
  >
    ${svg`<path d="M ${[...top, ...bottom].join(" L ")} Z"></path>`}
  </svg>`;
}

declare global {
  interface HTMLElementTagNameMap {
    "normlens-sample-tile": SampleTile;
  }
}
