import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-button/index.js";
import type { NodeDetail } from "../../src/protocol/engine.ts";
import type { Finding } from "../../src/protocol/reports.ts";
import { icon } from "../elements/icons.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import "./affine-table.ts";
import { helpLink } from "./help-link.ts";
import { request, showNode } from "./model-events.ts";
import { NO_TECHNIQUES, type Techniques } from "./page-state.ts";
import "./parameter-view.ts";
import "./site-list.ts";

/** One node: where its inputs come from, what it holds, and what can be done with it. */
@customElement("normlens-node-detail")
export class NodeDetailView extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
      }
      .title {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        gap: 0 10px;
        padding: 6px 12px;
      }
      h2 {
        font-size: 1.05em;
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      section {
        padding: 4px 12px 8px;
      }
      .finding {
        display: grid;
        grid-template-columns: 16px 1fr;
        gap: 2px 8px;
        padding: 2px 0;
      }
      .finding > div {
        overflow-wrap: anywhere;
      }
      .finding vscode-button {
        margin-top: 4px;
      }
      dl {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: 2px 12px;
        line-height: 1.5;
      }
      dt {
        color: var(--muted);
      }
      dd {
        overflow-wrap: anywhere;
      }
      normlens-parameter-view {
        padding: 0 12px 8px;
      }
    `,
  ];

  @property({ attribute: false }) detail!: NodeDetail;
  @property({ attribute: false }) techniques: Techniques = NO_TECHNIQUES;
  @property({ type: Boolean }) busy = false;

  override render() {
    const { detail } = this;
    return html`<article aria-label=${detail.name}>
      <div class="title">
        <h2>${detail.name}</h2>
        <span class="muted">${detail.domain === "" ? "" : `${detail.domain}.`}${detail.opType}</span>
      </div>
      ${
        detail.findings.length === 0
          ? nothing
          : html`<section>${detail.findings.map((finding) => this.finding(finding))}</section>`
      }
      ${this.sites()}
      <section>
        <dl>
          ${detail.inputs.map(
            (input) =>
              html`<dt>input</dt>
                <dd>
                  ${input.name} <span class="muted">${input.shape}</span>
                  ${
                    input.from === "" || input.from === input.name
                      ? nothing
                      : html`<span class="muted">from</span>
                          <button class="link" @click=${() => showNode(this, input.from)}>
                            ${input.from}
                          </button>`
                  }
                </dd>`,
          )}
          ${detail.outputs.map(
            (output) =>
              html`<dt>output</dt>
                <dd>${output.name} <span class="muted">${output.shape}</span></dd>`,
          )}
          ${detail.attributes.map(
            (attribute) =>
              html`<dt>${attribute.name}</dt>
                <dd>${attribute.value}</dd>`,
          )}
        </dl>
      </section>
      ${detail.affine === undefined ? nothing : html`<normlens-affine-table .affine=${detail.affine}></normlens-affine-table>`}
      ${detail.parameters.map(
        (parameter) =>
          html`<normlens-parameter-view .parameter=${parameter}></normlens-parameter-view>`,
      )}
    </article>`;
  }

  /** What a finding proposes above is not said again. */
  private sites() {
    const { detail } = this;
    const proposed = new Set(detail.findings.map(({ fix }) => `${fix?.pass} ${fix?.site}`));
    const sites = detail.techniques.filter(({ pass, site }) => !proposed.has(`${pass} ${site}`));
    if (sites.length === 0) return nothing;
    return html`<normlens-site-list
      .sites=${sites}
      .passes=${this.techniques.passes}
      ?busy=${this.busy}
    ></normlens-site-list>`;
  }

  private finding(finding: Finding) {
    const { fix } = finding;
    const name =
      finding.severity === "information"
        ? fix === undefined
          ? "info"
          : "lightbulb"
        : finding.severity;
    return html`<div class="finding">
      ${icon(name, finding.severity)}
      <div>
        <p>${finding.message}</p>
        ${finding.reason === undefined ? nothing : html`<p class="muted">${finding.reason}</p>`}
        ${helpLink(this, finding)}
        ${
          fix === undefined
            ? nothing
            : html`<vscode-button
                  ?disabled=${this.busy}
                  @click=${() => request(this, { type: "apply", request: { pass: fix.pass, sites: [fix.site] } })}
                  >${fix.title}</vscode-button
                >
                <vscode-button
                  secondary
                  ?disabled=${this.busy}
                  @click=${() => request(this, { type: "preview", request: { pass: fix.pass, sites: [fix.site] } })}
                  >Preview</vscode-button
                >`
        }
      </div>
    </div>`;
  }
}
