import "./report-page.ts";
import type { RunReport } from "../../src/protocol/run-report.ts";
import { styleDocument } from "../theme/page-styles.ts";

/** A stand-alone report: its numbers are in the document itself. */
styleDocument();
const data = document.getElementById("report-data");
const page = document.querySelector("normlens-report");
if (data !== null && page !== null) page.report = JSON.parse(data.textContent) as RunReport;
