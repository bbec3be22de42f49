import type { Schedule } from "./schedule.ts";

/** lr */
export const constant: Schedule = { rate: (_config, base) => base };
