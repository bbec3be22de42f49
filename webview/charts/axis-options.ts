import type { TooltipOptions } from "chart.js";
import { decimal } from "../elements/format.ts";
import { type Palette, translucent } from "../theme/palette.ts";

/** The look all charts share: hairlines, the editor's font, a hover like the editor's hover. */

export function axisLook(palette: Palette, title: string) {
  const font = { family: palette.font, size: Math.max(9, palette.fontSize - 2) };
  return {
    title: { display: title !== "", text: title, color: palette.muted, font },
    ticks: {
      color: palette.muted,
      font,
      maxRotation: 0,
      autoSkipPadding: 12,
      // An end of the axis that is no round number would crowd its neighbour.
      includeBounds: false,
      callback: (value: string | number) => decimal(Number(value), 3),
    },
    grid: { color: translucent(palette.lines, palette.highContrast ? 0.6 : 0.3), tickLength: 4 },
    border: { color: palette.lines },
  };
}

export function hoverLook(palette: Palette) {
  const font = { family: palette.font, size: Math.max(10, palette.fontSize - 1) };
  return {
    backgroundColor: palette.hoverBackground,
    borderColor: palette.hoverBorder,
    borderWidth: 1,
    titleColor: palette.hoverForeground,
    bodyColor: palette.hoverForeground,
    footerColor: palette.hoverForeground,
    titleFont: { ...font, weight: "bold" as const },
    bodyFont: font,
    footerFont: { ...font, weight: "normal" as const },
    padding: 6,
    cornerRadius: 3,
    caretSize: 0,
    usePointStyle: true,
    boxPadding: 4,
  } satisfies Partial<TooltipOptions>;
}
