import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { groupsOf, withFloat32 } from "../passes/measured-channels.ts";
import { type PassOptions, siteId } from "../passes/pass.ts";
import type { SampleRuns } from "../passes/sample-runs.ts";
import type { ReportTable } from "../protocol/reports.ts";
import type { Analysis } from "./analysis.ts";
import { ActivityCounter, watchedNonlinearities } from "./unit-activity.ts";

/** Most units a row names before it only counts the rest. */
const NAMED_UNITS = 8;

/**
 * Units whose nonlinearity passes no gradient on the data: dead ones, which are closed on every
 * sample, and saturated ones, near a limit of Sigmoid or Tanh, where the
 * derivative y·(1 − y) or 1 − y² vanishes.
 *
 * Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
 * networks", 2010, section 3.
 */
export const activationHealth: Analysis = {
  id: "activation-health",
  title: "Dead and saturated units",
  description: "Per nonlinearity, the units that are dead or saturated on the data.",
  options: [
    {
      name: "limit",
      description: "share of the way to a limit from which on a value is near it",
      kind: "number",
      default: 0.99,
      minimum: 0.5,
      maximum: 1,
    },
    {
      name: "share",
      description: "share of the values that must be near a limit in a saturated unit",
      kind: "number",
      default: 0.95,
      minimum: 0.01,
      maximum: 1,
    },
  ],
  data: "always",
  run,
};

interface Health {
  readonly name: string;
  readonly opType: string;
  readonly units: number;
  readonly dead: readonly number[];
  readonly saturated: readonly number[];
  readonly notFinite: number;
}

async function run(graph: Graph, options: PassOptions, samples: SampleRuns | undefined) {
  if (samples === undefined) throw new InputError("activation-health: data is needed");
  if (samples.count === 0) throw new InputError(`data ${samples.name}: it has no samples`);
  const watched = watchedNonlinearities(graph);
  if (watched.length === 0) {
    return { sentences: ["The model has no nonlinearity whose units could be dead."], tables: [] };
  }
  const counters = watched.map((each) => new ActivityCounter(each, Number(options.limit)));
  await count(graph, counters, samples);
  const health = counters.map((counter) => healthOf(counter, Number(options.share)));
  return { sentences: sentencesOf(health, samples), tables: [table(health, samples.name)] };
}

async function count(graph: Graph, counters: readonly ActivityCounter[], samples: SampleRuns) {
  const values = [...new Set(counters.map(({ watched }) => watched.value))];
  for (const group of groupsOf(graph, values)) {
    const { graph: readable, names } = withFloat32(graph, group);
    await samples.run(readable, [...names.values()], (batch) => {
      for (const counter of counters) {
        const read = batch.values.get(names.get(counter.watched.value) ?? "");
        if (read !== undefined) counter.add(read.dims, read.data);
      }
    });
  }
}

function healthOf(counter: ActivityCounter, share: number): Health {
  const { node } = counter.watched;
  return {
    name: siteId(node),
    opType: node.opType,
    units: counter.units.length,
    dead: counter.dead(),
    saturated: counter.saturated(share),
    notFinite: counter.units.reduce((sum, unit) => sum + unit.notFinite, 0),
  };
}

function sentencesOf(health: readonly Health[], samples: SampleRuns): string[] {
  const units = health.reduce((sum, each) => sum + each.units, 0);
  const dead = health.reduce((sum, each) => sum + each.dead.length, 0);
  const saturated = health.reduce((sum, each) => sum + each.saturated.length, 0);
  const sick = health.filter((each) => each.notFinite > 0);
  return [
    `Of ${units} units of ${health.length} nonlinearities, ${dead} are dead and ${saturated} saturated on ${samples.count} samples of ${samples.name}.`,
    ...(dead + saturated === 0
      ? []
      : ["A dead or saturated unit passes no gradient, so the weights before it do not learn."]),
    ...sick.map(
      (each) => `${each.opType} ${each.name} has ${each.notFinite} numbers that are not finite.`,
    ),
  ];
}

function table(health: readonly Health[], data: string): ReportTable {
  const share = (part: readonly number[], units: number) =>
    units === 0 ? "0 %" : `${((100 * part.length) / units).toFixed(1)} %`;
  return {
    title: `Nonlinearities on ${data}`,
    columns: ["node", "operator", "units", "dead", "share", "saturated", "share", "which"],
    rows: health.map((each) => [
      each.name,
      each.opType,
      each.units,
      each.dead.length,
      share(each.dead, each.units),
      each.saturated.length,
      share(each.saturated, each.units),
      unitsText([...each.dead, ...each.saturated]),
    ]),
  };
}

/** "3, 5", "0, 1, 2, 3, 4, 5, 6, 7 and 12 more". */
function unitsText(units: readonly number[]): string {
  const named = units.slice(0, NAMED_UNITS).join(", ");
  const rest = units.length - NAMED_UNITS;
  return rest > 0 ? `${named} and ${rest} more` : named;
}
