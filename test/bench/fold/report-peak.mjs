/** Loaded before a measured script: tells its parent the largest resident memory when it ends. */
process.channel?.unref();
process.on("exit", () => {
  // In kilobytes on every system, says Node.
  process.send?.({ peakBytes: process.resourceUsage().maxRSS * 1024 });
});
