import type { Random } from "../../src/data/random.ts";
import type { Json, JsonObject } from "../../src/formats/layers/json.ts";

/** What stands in a file by mistake or malice where something else is needed. */
const VALUES: readonly Json[] = [
  null,
  true,
  -1,
  0,
  1,
  0.5,
  7,
  2 ** 31 - 1,
  1e12,
  // What JSON.parse makes of 1e400.
  Number.POSITIVE_INFINITY,
  "",
  "same",
  "4294967296",
  "__proto__",
  [],
  [[]],
  [1, 2, 3],
  {},
];

/** The document with one value in it changed, left out, doubled, or replaced by another one of the document. */
export function distortedJson(document: Json, random: Random): Json {
  const all = [...paths(document, [])];
  const path = all[random.below(all.length)] ?? [];
  const other = valueAt(document, all[random.below(all.length)] ?? []);
  const turn = random.below(8);
  const put = turn === 0 ? other : (VALUES[random.below(VALUES.length)] as Json);
  return changed(document, path, (value) => {
    if (turn === 1) return undefined;
    if (turn === 2 && Array.isArray(value)) return [...value, ...value];
    // A number of the same kind comes further than anything else.
    if (typeof value === "number" && turn < 6) {
      return [0, -1, value + 1, value * 2, 2 ** 31 - 1, 2 ** 20, 1e12][random.below(7)];
    }
    return put;
  });
}

type Path = readonly (string | number)[];

function* paths(value: Json, path: Path): Generator<Path> {
  if (path.length > 0) yield path;
  if (typeof value !== "object" || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    yield* paths(child as Json, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}

function valueAt(value: Json, [key, ...rest]: Path): Json {
  return key === undefined ? value : valueAt((value as JsonObject)[key] as Json, rest);
}

function changed(
  value: Json,
  [key, ...rest]: Path,
  change: (value: Json) => Json | undefined,
): Json {
  if (key === undefined) return value;
  const child = (value as JsonObject)[key] as Json;
  const put = rest.length === 0 ? change(child) : changed(child, rest, change);
  if (Array.isArray(value)) {
    return (value as Json[]).flatMap((each, index) =>
      index !== key ? [each] : put === undefined ? [] : [put],
    );
  }
  const entries = Object.entries(value as JsonObject).map(([name, each]) =>
    name === key ? ([name, put] as const) : ([name, each] as const),
  );
  return Object.fromEntries(entries.filter(([, each]) => each !== undefined)) as Json;
}
