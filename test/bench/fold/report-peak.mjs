import { writeSync } from "node:fs";

/** Loaded before a measured script: writes its largest resident memory, in bytes, to descriptor 3. */
process.on("exit", () => {
  // Node tells it in kilobytes on every system.
  writeSync(3, String(process.resourceUsage().maxRSS * 1024));
});
