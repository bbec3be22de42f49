import type { ScheduleConfig } from "../../src/protocol/training.ts";
import type { SCHEDULE_FIELDS } from "./schedule-fields.ts";

type ScheduleDraft = Readonly<Record<keyof typeof SCHEDULE_FIELDS, string>>;

export function scheduleDraft(schedule: ScheduleConfig): ScheduleDraft {
  return {
    schedule: schedule.kind,
    factor: String(schedule.factor),
    everyEpochs: String(schedule.everyEpochs),
    epochFactor: String(schedule.epochFactor),
    minimum: String(schedule.minimum),
    peakAt: String(schedule.peakAt),
    startDivisor: String(schedule.startDivisor),
    endDivisor: String(schedule.endDivisor),
    schedulePatience: String(schedule.patience),
    threshold: String(schedule.threshold),
    cooldown: String(schedule.cooldown),
    rateWarmUpEpochs: String(schedule.warmUpEpochs),
    rateWarmUpStart: String(schedule.warmUpStart),
  };
}

/** Only for texts that have been checked. */
export function scheduleConfig(draft: ScheduleDraft): ScheduleConfig {
  return {
    kind: draft.schedule as ScheduleConfig["kind"],
    factor: Number(draft.factor),
    everyEpochs: Number(draft.everyEpochs),
    epochFactor: Number(draft.epochFactor),
    minimum: Number(draft.minimum),
    peakAt: Number(draft.peakAt),
    startDivisor: Number(draft.startDivisor),
    endDivisor: Number(draft.endDivisor),
    patience: Number(draft.schedulePatience),
    threshold: Number(draft.threshold),
    cooldown: Number(draft.cooldown),
    warmUpEpochs: Number(draft.rateWarmUpEpochs),
    warmUpStart: Number(draft.rateWarmUpStart),
  };
}
