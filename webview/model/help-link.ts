import { html, nothing } from "lit";
import type { Finding } from "../../src/protocol/reports.ts";
import { request } from "./model-events.ts";

/** The way to what the documentation says of a finding, where it says something. */
export function helpLink(from: HTMLElement, { rule, help }: Finding) {
  if (help === undefined) return nothing;
  return html`<button
    class="link"
    aria-label=${`Learn more about ${rule.replaceAll("-", " ")}`}
    @click=${() => request(from, { type: "openHelp", help })}
  >
    Learn more
  </button>`;
}
