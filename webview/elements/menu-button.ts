import { html, LitElement, nothing } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { sharedStyles } from "../theme/shared-styles.ts";
import { icon } from "./icons.ts";
import { menuStyles } from "./menu-styles.ts";

export interface MenuItem {
  readonly id: string;
  readonly label: string;
  /** Entries of one group stand together under its name. */
  readonly group?: string;
  /** One sentence about what the entry does. */
  readonly description?: string;
}

/**
 * A button with a menu after the ARIA menu-button pattern: arrows and first letters move, Escape
 * returns the focus. Without `text` it is a quiet "…". Fires `choose` with the item's id.
 */
@customElement("normlens-menu-button")
export class MenuButton extends LitElement {
  static override styles = [sharedStyles, menuStyles];

  @property() label = "More actions";
  /** What a button in a row of buttons says; "" for the arrow alone, beside the button it belongs to. */
  @property() text: string | undefined;
  @property({ type: Boolean }) primary = false;
  @property({ type: Boolean }) disabled = false;
  @property({ attribute: false }) items: readonly MenuItem[] = [];
  @query("[popover]") private menu!: HTMLElement;
  @query("button") private button!: HTMLButtonElement;

  override render() {
    const { text } = this;
    const groups = [...new Set(this.items.map(({ group }) => group))];
    return html`<button
        class=${text === undefined ? "tool" : `button ${this.primary ? "primary" : ""}`}
        aria-label=${this.label}
        aria-haspopup="menu"
        title=${this.label}
        ?disabled=${this.disabled}
        @click=${this.open}
      >
        ${text === undefined ? icon("ellipsis") : html`${text}${icon("chevron-down")}`}
      </button>
      <div popover role="menu" aria-label=${this.label} @keydown=${this.onKey}>
        ${groups.map((group) => this.group(group))}
      </div>`;
  }

  private group(group: string | undefined) {
    const items = this.items.filter((item) => item.group === group);
    const entries = items.map(
      (item) =>
        html`<button
          role="menuitem"
          tabindex="-1"
          title=${item.description ?? nothing}
          @click=${() => this.choose(item)}
        >
          ${item.label}
        </button>`,
    );
    if (group === undefined) return entries;
    return html`<div role="group" aria-label=${group}>
      <div class="group" aria-hidden="true">${group}</div>
      ${entries}
    </div>`;
  }

  override focus(): void {
    this.button.focus();
  }

  private open() {
    this.menu.showPopover();
    const anchor = this.button.getBoundingClientRect();
    const { width, height } = this.menu.getBoundingClientRect();
    const below = anchor.bottom + height <= window.innerHeight;
    this.menu.style.left = `${Math.max(0, anchor.right - width)}px`;
    this.menu.style.top = `${below ? anchor.bottom : Math.max(0, anchor.top - height)}px`;
    this.entries[0]?.focus();
  }

  private get entries(): HTMLButtonElement[] {
    return [...this.menu.querySelectorAll<HTMLButtonElement>("[role=menuitem]")];
  }

  private choose(item: MenuItem) {
    this.close();
    this.dispatchEvent(new CustomEvent("choose", { detail: item.id }));
  }

  private close() {
    this.menu.hidePopover();
    this.button.focus();
  }

  private onKey(event: KeyboardEvent) {
    const entries = this.entries;
    const focused = entries.indexOf(event.target as HTMLButtonElement);
    const move = { ArrowDown: focused + 1, ArrowUp: focused - 1, Home: 0, End: -1 }[event.key];
    if (move !== undefined) {
      event.preventDefault();
      entries.at(move % entries.length)?.focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      this.close();
    } else if (/^[a-z]$/i.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const letter = event.key.toLowerCase();
      const following = [...entries.slice(focused + 1), ...entries.slice(0, focused + 1)];
      following
        .find((entry) => entry.textContent?.trim().toLowerCase().startsWith(letter))
        ?.focus();
    }
  }
}
