import type { ReactiveController, ReactiveControllerHost } from "lit";
import { type Palette, readPalette } from "./palette.ts";

/** VS Code announces a theme by the body's class and rewrites the variables on the root. */
const watched = new Set<() => void>();
let observer: MutationObserver | undefined;

function watch(changed: () => void): () => void {
  watched.add(changed);
  if (observer === undefined) {
    observer = new MutationObserver(() => {
      for (const each of watched) each();
    });
    const filter = ["class", "style", "data-vscode-theme-kind", "data-vscode-theme-id"];
    observer.observe(document.body, { attributes: true, attributeFilter: filter });
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["style"] });
  }
  return () => watched.delete(changed);
}

/** Gives its element the palette of now and draws it again when the theme changes. */
export class ThemeController implements ReactiveController {
  palette: Palette = readPalette();
  #stop: (() => void) | undefined;

  constructor(
    private readonly element: ReactiveControllerHost,
    private readonly changed: () => void = () => {},
  ) {
    element.addController(this);
  }

  hostConnected() {
    this.palette = readPalette();
    this.#stop = watch(() => {
      this.palette = readPalette();
      this.changed();
      this.element.requestUpdate();
    });
  }

  hostDisconnected() {
    this.#stop?.();
  }
}
