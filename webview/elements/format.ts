import { fromJsonNumber, type JsonNumber, type ValueReport } from "../../src/protocol/reports.ts";

/** Numbers and names as people read them. */

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export function count(value: number): string {
  return grouped.format(value);
}

/** "1 node", "53 nodes". */
export function counted(value: number, singular: string, plural = `${singular}s`): string {
  return `${count(value)} ${value === 1 ? singular : plural}`;
}

/** "25.6 M", "9,408". */
export function amount(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)} G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  return count(value);
}

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let size = value;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return unit === 0 ? counted(value, "byte") : `${size.toFixed(1)} ${units[unit]}`;
}

/** A difference with a true minus sign: "−53", "+12", "0". */
export function signed(value: number, format: (magnitude: number) => string = count): string {
  if (value === 0) return "0";
  return `${value < 0 ? "−" : "+"}${format(Math.abs(value))}`;
}

/** Four significant digits; "NaN" and "∞" are spelled out. */
export function decimal(value: JsonNumber, digits = 4): string {
  const number = fromJsonNumber(value);
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number < 0 ? "−∞" : "∞";
  if (number === 0) return "0";
  const magnitude = Math.abs(number);
  const text =
    magnitude >= 1e5 || magnitude < 1e-3
      ? number
          .toExponential(Math.max(0, digits - 2))
          .replace(/\.?0+e/, "e")
          .replace("e+", "e")
      : String(Number(number.toPrecision(digits)));
  return text.replaceAll("-", "−");
}

export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}

/** "0.8 s", "1:02", "2:03:10". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** "float32 [N, 3, 224, 224]". */
export function valueType(value: ValueReport): string {
  return `${value.type} [${value.shape.join(", ")}]`;
}
