import { CinderError } from '../domain/exceptions.ts';
import { isJsonObject, type Json, type JsonObject } from '../domain/json.ts';
import { isDeepStrictEqual } from 'node:util';

/** Which part of a listing the API asks for; its own words. */
export interface PageRequest {
  /** The reference of the entry before the page, as an object or in JSON. */
  readonly marker: Json;
  /** Null: all. */
  readonly limit: number | null;
  readonly offset: number | null;
  readonly sortKeys: readonly string[];
  /** `asc` or `desc`, one for each key. */
  readonly sortDirs: readonly string[];
}

/** An entry as the API shows it. */
export interface ManageableEntry extends JsonObject {
  readonly reference: JsonObject;
  readonly size: number | null;
}

/** One page, as upstream's `paginate_entries_list` cuts it. @throws CinderError `InvalidInput` */
export function pageOf<E extends ManageableEntry>(entries: readonly E[], page: PageRequest): readonly E[] {
  const sorted = entries.toSorted(comparer(page));
  const start = startOf(sorted, page.marker) + (page.offset ?? 0);
  return page.limit === null ? sorted.slice(start) : sorted.slice(start, start + page.limit);
}

function comparer({ sortKeys, sortDirs }: PageRequest): (a: ManageableEntry, b: ManageableEntry) => number {
  const keys = sortKeys.slice(0, sortDirs.length).map((key, at) => {
    const name = key.trim();
    if (name !== 'reference' && name !== 'size') throw invalid(`cannot sort by "${key}"; use reference or size`);
    return { name, sign: sortDirs[at] === 'asc' ? 1 : -1 } as const;
  });
  return (a, b) => {
    for (const { name, sign } of keys) {
      const order = compare(sortValue(a[name]), sortValue(b[name]));
      if (order !== 0) return sign * order;
    }
    return 0;
  };
}

/** Of an object its smallest value, as upstream; what has no size comes before all. */
function sortValue(value: JsonObject | number | null): string | number {
  if (value === null) return -1;
  if (!isJsonObject(value)) return value;
  return Object.values(value).map(String).sort()[0] ?? '';
}

function compare(a: string | number, b: string | number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function startOf(sorted: readonly ManageableEntry[], marker: Json): number {
  if (marker === null || marker === '') return 0;
  const wanted = isJsonObject(marker) ? marker : parsed(marker);
  const at = sorted.findIndex(({ reference }) => isDeepStrictEqual(reference, wanted));
  if (at === -1) throw invalid(`marker not found: ${JSON.stringify(wanted)}`);
  return at + 1;
}

function parsed(marker: Json): unknown {
  try {
    return JSON.parse(typeof marker === 'string' ? marker : '');
  } catch {
    throw invalid(`marker ${JSON.stringify(marker)} is no JSON: give the reference of the last entry`);
  }
}

function invalid(reason: string): CinderError {
  return new CinderError('InvalidInput', { reason }, { outcome: 'not-started' });
}
