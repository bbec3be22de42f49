/** The theme's colours as values: a canvas cannot read CSS variables by itself. */
export interface Palette {
  readonly blue: string;
  readonly yellow: string;
  readonly purple: string;
  readonly green: string;
  readonly red: string;
  readonly foreground: string;
  /** Muted text: axis labels. */
  readonly muted: string;
  readonly lines: string;
  readonly background: string;
  readonly hoverBackground: string;
  readonly hoverForeground: string;
  readonly hoverBorder: string;
  readonly font: string;
  readonly fontSize: number;
  /** High contrast asks for borders where others use shades. */
  readonly highContrast: boolean;
}

export type ColorName = "blue" | "yellow" | "purple" | "green" | "red" | "foreground";

export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string, otherwise: string) =>
    style.getPropertyValue(`--vscode-${name}`).trim() || otherwise;
  const foreground = read("charts-foreground", read("foreground", "#808080"));
  const background = read("editor-background", "Canvas");
  return {
    blue: read("charts-blue", foreground),
    yellow: read("charts-yellow", foreground),
    purple: read("charts-purple", foreground),
    green: read("charts-green", foreground),
    red: read("charts-red", foreground),
    foreground,
    muted: read("descriptionForeground", foreground),
    lines: read("charts-lines", foreground),
    background,
    hoverBackground: read("editorHoverWidget-background", background),
    hoverForeground: read("editorHoverWidget-foreground", foreground),
    hoverBorder: read("editorHoverWidget-border", foreground),
    font: read("font-family", "sans-serif"),
    fontSize: Number.parseFloat(read("font-size", "13px")),
    highContrast: document.body.className.includes("high-contrast"),
  };
}

/** The color with another opacity, whatever notation it came in. */
export function translucent(color: string, opacity: number): string {
  return `color-mix(in srgb, ${color} ${Math.round(opacity * 100)}%, transparent)`;
}
