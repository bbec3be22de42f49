import { writeSync } from "node:fs";

/** Loaded before a measured script: tells at its end, on descriptor 3, what it took. */
process.on("exit", () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  // Node tells kilobytes and microseconds on every system.
  const used = { peakBytes: maxRSS * 1024, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6 };
  writeSync(3, JSON.stringify(used));
});
