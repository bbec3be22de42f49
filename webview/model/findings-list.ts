import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Finding } from "../../src/protocol/reports.ts";
import { count } from "../elements/format.ts";
import { type IconName, icon } from "../elements/icons.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { type FindingGroup, groupFindings } from "./finding-groups.ts";
import { helpLink } from "./help-link.ts";
import { request, showNode } from "./model-events.ts";

/** Beyond this many, a group's members are better seen as rows of the table. */
const SHOWN_MEMBERS = 50;

/** What could be better, grouped, each with the click that does something about it. */
@customElement("normlens-findings")
export class FindingsList extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      section {
        border-top: 1px solid var(--line);
        padding: 4px 12px 6px;
      }
      h2 {
        line-height: 22px;
      }
      .list {
        max-height: 30vh;
        overflow-y: auto;
      }
      .row {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        gap: 0 6px;
        min-height: 22px;
        line-height: 22px;
        padding: 0 4px;
      }
      .row:hover {
        background: var(--vscode-list-hoverBackground);
      }
      .row > .icon {
        align-self: start;
        margin-top: 3px;
      }
      .text {
        flex: 1 1 220px;
        min-width: 0;
        overflow-wrap: anywhere;
        line-height: 1.4;
      }
      .actions {
        display: flex;
        gap: 10px;
        flex: none;
        margin-left: auto;
      }
      .member {
        padding-left: 28px;
      }
      .reason {
        padding: 0 4px 2px 28px;
        color: var(--muted);
        overflow-wrap: anywhere;
      }
      .twistie {
        width: 20px;
        flex: none;
      }
      .none {
        line-height: 22px;
        color: var(--muted);
      }
    `,
  ];

  @property({ attribute: false }) findings: readonly Finding[] = [];
  @property({ type: Boolean }) busy = false;
  @state() private opened: ReadonlySet<string> = new Set();

  override render() {
    const groups = groupFindings(this.findings);
    return html`<section aria-label="Findings">
      <h2 class="heading">Findings <span class="muted">${count(this.findings.length)}</span></h2>
      ${
        groups.length === 0
          ? html`<p class="none">Nothing to fold and nothing suspicious.</p>`
          : html`<ul class="list" tabindex="0" aria-label="Findings">
              ${groups.map((group) => this.group(group))}
            </ul>`
      }
    </section>`;
  }

  private group(group: FindingGroup) {
    const [only] = group.findings;
    const single = group.findings.length === 1 && only !== undefined;
    const open = this.opened.has(group.key);
    return html`<li>
      <div class="row">
        ${icon(iconOf(group), group.fix === undefined ? group.severity : "information")}
        <span class="text">${group.sentence}</span>
        <span class="actions">
          ${
            group.fix === undefined
              ? nothing
              : html`<button class="link" ?disabled=${this.busy} @click=${() => this.preview(group)}>
                    Preview
                  </button>
                  <button class="link" ?disabled=${this.busy} @click=${() => this.apply(group)}>
                    ${group.fix.title}
                  </button>`
          }
          ${only === undefined ? nothing : helpLink(this, only)}
          ${single ? html`<button class="link" @click=${() => showNode(this, only.node)}>Show</button>` : nothing}
          ${
            single && only.reason === undefined
              ? nothing
              : html`<button class="link" aria-expanded=${open} @click=${() => this.toggle(group.key)}>
                  ${single ? "Why?" : open ? "Hide nodes" : "Show nodes"}
                </button>`
          }
        </span>
      </div>
      ${open ? this.members(group, single) : nothing}
    </li>`;
  }

  private members(group: FindingGroup, single: boolean) {
    if (single) return html`<p class="reason">${group.findings[0]?.reason}</p>`;
    const hidden = group.findings.length - SHOWN_MEMBERS;
    return html`<ul>
        ${group.findings.slice(0, SHOWN_MEMBERS).map(
          (finding) =>
            html`<li class="row member">
              <button class="link" @click=${() => showNode(this, finding.node)}>${finding.node}</button>
              <span class="text muted">${finding.reason ?? finding.message}</span>
            </li>`,
        )}
      </ul>
      ${
        hidden > 0
          ? html`<p class="reason">
              ${count(hidden)} more: “only findings” below the list shows them all.
            </p>`
          : nothing
      }`;
  }

  private preview({ fix }: FindingGroup) {
    if (fix === undefined) return;
    request(this, { type: "preview", request: { pass: fix.pass, sites: fix.sites } });
  }

  private apply({ fix }: FindingGroup) {
    if (fix === undefined) return;
    request(this, { type: "apply", request: { pass: fix.pass, sites: fix.sites } });
  }

  private toggle(key: string) {
    const opened = new Set(this.opened);
    if (!opened.delete(key)) opened.add(key);
    this.opened = opened;
  }
}

function iconOf(group: FindingGroup): IconName {
  if (group.severity === "error") return "error";
  if (group.severity === "warning") return "warning";
  return group.fix === undefined ? "info" : "lightbulb";
}
