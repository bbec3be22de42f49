import type { ScheduleConfig } from "../../protocol/training.ts";
import { constant } from "./constant.ts";
import { cosine } from "./cosine.ts";
import { exponential } from "./exponential.ts";
import { oneCycle } from "./one-cycle.ts";
import { plateau } from "./plateau.ts";
import type { Schedule } from "./schedule.ts";
import { step } from "./step.ts";

/** Adding a schedule is adding its file and its line. */
export const SCHEDULES: Readonly<Record<ScheduleConfig["kind"], Schedule>> = {
  constant,
  step,
  exponential,
  cosine,
  "one-cycle": oneCycle,
  plateau,
};
