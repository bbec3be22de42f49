import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { TechniqueDescription, TechniqueSite } from "../../src/protocol/engine.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { request } from "./model-events.ts";

/** What the passes could do at the selected node, each with its preview and its options. */
@customElement("normlens-site-list")
export class SiteList extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
        padding: 4px 12px 8px;
      }
      li {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        gap: 0 10px;
        line-height: 22px;
      }
      .title {
        flex: 1 1 200px;
        min-width: 0;
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property({ attribute: false }) sites: readonly TechniqueSite[] = [];
  @property({ attribute: false }) passes: readonly TechniqueDescription[] = [];
  @property({ type: Boolean }) busy = false;

  override render() {
    return html`<h3 class="heading">Techniques</h3>
      <ul aria-label="Techniques for this node">
        ${this.sites.map((site) => this.entry(site))}
      </ul>`;
  }

  private entry({ pass: id, site, title }: TechniqueSite) {
    const pass = this.passes.find((each) => each.id === id);
    const selection = { pass: id, sites: [site] };
    const action = (type: "apply" | "preview" | "customize", label: string) =>
      html`<button
        class="link"
        ?disabled=${this.busy}
        aria-label=${`${label}: ${title}`}
        @click=${() => request(this, { type, request: selection })}
      >
        ${label}
      </button>`;
    return html`<li>
      <span class="title" title=${pass?.description ?? nothing}>${title}</span>
      ${action("apply", "Apply")} ${action("preview", "Preview")}
      ${pass === undefined || pass.options.length === 0 ? nothing : action("customize", "Options…")}
    </li>`;
  }
}
