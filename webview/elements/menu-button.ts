import { css, html, LitElement } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { sharedStyles } from "../theme/shared-styles.ts";
import { icon } from "./icons.ts";

export interface MenuItem {
  readonly id: string;
  readonly label: string;
}

/**
 * A "…" button with a menu after the ARIA menu-button pattern: arrows move, Escape returns the
 * focus. Fires `choose` with the item's id.
 */
@customElement("normlens-menu-button")
export class MenuButton extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      [popover] {
        position: fixed;
        inset: auto;
        margin: 0;
        padding: 4px;
        min-width: 150px;
        color: var(--vscode-menu-foreground);
        background: var(--vscode-menu-background);
        border: 1px solid var(--vscode-menu-border, var(--line));
        border-radius: 5px;
        box-shadow: 0 2px 8px var(--vscode-widget-shadow, transparent);
      }
      [role="menuitem"] {
        display: block;
        width: 100%;
        font: inherit;
        text-align: left;
        color: inherit;
        background: none;
        border: 1px solid transparent;
        border-radius: 3px;
        padding: 3px 20px 3px 8px;
        cursor: pointer;
      }
      [role="menuitem"]:focus,
      [role="menuitem"]:hover {
        color: var(--vscode-menu-selectionForeground, inherit);
        background: var(--vscode-menu-selectionBackground);
        border-color: var(--vscode-menu-selectionBorder, transparent);
        outline: none;
      }
    `,
  ];

  @property() label = "More actions";
  @property({ attribute: false }) items: readonly MenuItem[] = [];
  @query("[popover]") private menu!: HTMLElement;
  @query("button") private button!: HTMLButtonElement;

  override render() {
    return html`<button
        class="tool"
        aria-label=${this.label}
        aria-haspopup="menu"
        title=${this.label}
        @click=${this.open}
      >
        ${icon("ellipsis")}
      </button>
      <div popover role="menu" aria-label=${this.label} @keydown=${this.onKey}>
        ${this.items.map(
          (item) =>
            html`<button role="menuitem" tabindex="-1" @click=${() => this.choose(item)}>
              ${item.label}
            </button>`,
        )}
      </div>`;
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
    }
  }
}
