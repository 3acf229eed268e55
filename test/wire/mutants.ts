import fc from 'fast-check';
import { isJsonObject } from '../../src/domain/json.ts';
import type { Json, JsonObject } from '../../src/domain/json.ts';

const oddValue = fc.oneof(
  fc.constantFrom<Json>(null, true, '', 'x', -1, 1.5, 1e300, [], {}, [null], 'constructor', '1.9', '\ud800', '\u0000'),
  fc.constant({ 'versioned_object.name': 'Volume' } satisfies JsonObject),
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as Json),
);
const oddKey = fc.constantFrom(
  '__proto__',
  'constructor',
  'versioned_object.name',
  'toString',
  'zzz',
  'args',
  '_msg_id',
);

export type Change = { readonly kind: 'replace' | 'drop' | 'add'; readonly key: string; readonly value: Json };
export const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('replace', 'drop', 'add'),
  key: oddKey,
  value: oddValue,
});

/** The same JSON with the node that `turns` lead to replaced, dropped or given a further key. */
export function mutate(json: Json, turns: readonly number[], change: Change): Json {
  const [turn, ...further] = turns;
  const isContainer = typeof json === 'object' && json !== null;
  const entries = isContainer ? Object.entries(json as JsonObject) : [];
  const target = turn === undefined ? undefined : entries[turn % Math.max(1, entries.length)];
  if (target === undefined) return change.kind === 'add' && isJsonObject(json) ? withKey(json, change) : change.value;
  const isLast = further.length === 0 || typeof target[1] !== 'object' || target[1] === null;
  const mutated = entries.flatMap(([key, value]): [string, Json][] => {
    if (key !== target[0]) return [[key, value]];
    if (isLast && change.kind === 'drop') return [];
    return [[key, isLast && change.kind === 'replace' ? change.value : mutate(value, further, change)]];
  });
  return Array.isArray(json) ? mutated.map(([, value]) => value) : Object.fromEntries(mutated);
}

function withKey(json: JsonObject, { key, value }: Change): JsonObject {
  return Object.fromEntries([...Object.entries(json), [key, value]]);
}
