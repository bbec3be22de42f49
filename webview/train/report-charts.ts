import type { ReportChart } from "../../src/protocol/training-page.ts";
import { ChartElement } from "../charts/chart-element.ts";

/** Every chart below an element as a picture with its sentence. */
export function reportCharts(root: ParentNode): readonly ReportChart[] {
  const found: ReportChart[] = [];
  for (const element of root.querySelectorAll("*")) {
    if (element instanceof ChartElement) {
      const image = element.image();
      if (image !== "") found.push({ title: element.name, image, description: element.sentence });
    }
    if (element.shadowRoot !== null) found.push(...reportCharts(element.shadowRoot));
  }
  return found;
}
