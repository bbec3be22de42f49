import type { Schedule } from "./schedule.ts";

/**
 * L. Smith and N. Topin, "Super-Convergence" (2018), in the form of PyTorch's OneCycleLR with cosine
 * annealing and without its cycle of the momentum. Over U updates, the rate rises from lr/startDivisor
 * to lr in the share peakAt of them, and falls to lr/(startDivisor·endDivisor) in the rest. Either
 * part goes from a to b with its share s done by
 *
 *   b + ½·(a − b)·(1 + cos(π·s))
 */
export const oneCycle: Schedule = {
  rate: ({ peakAt, startDivisor, endDivisor }, peak, { update, updates }) => {
    const start = peak / startDivisor;
    const top = peakAt * updates - 1;
    const last = updates - 1;
    if (update <= top) return between(start, peak, top === 0 ? 1 : update / top);
    // Where the rise is shorter than one update, the run begins at the peak.
    const share =
      last <= Math.max(top, 0) ? 1 : (update - Math.max(top, 0)) / (last - Math.max(top, 0));
    return between(peak, start / endDivisor, Math.min(share, 1));
  },
};

function between(from: number, to: number, share: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;
}
