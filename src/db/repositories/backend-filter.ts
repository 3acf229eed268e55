import { MIGRATING, targetOf } from '../../domain/migration.ts';
import { beginsWith, type Dialect } from '../dialect.ts';
import type { VolumeFilter } from '../ports/resources.ts';
import type { Binding } from '../session.ts';

export interface Condition {
  readonly sql: string;
  readonly bindings: readonly Binding[];
}

/** Volumes (`v`) whose `host` or `cluster_name` is the backend, with or without a `#pool`. */
export function ofBackend(backend: string, columns: readonly string[] = ['v.host', 'v.cluster_name']): Condition {
  const tests = columns.map((column) => `${column} = ? or ${column} like ? escape '!'`);
  return { sql: `(${tests.join(' or ')})`, bindings: columns.flatMap(() => [backend, beginsWith(`${backend}#`)]) };
}

/**
 * The filter as ` and …`, with order and limit, for the rows `row` (an alias; `v` is that of its volume or group). A row's age
 * counts from its last change.
 */
export function filtered(row: 'v' | 's', filter: VolumeFilter, { ago, anyOf }: Dialect): Condition {
  const parts: Condition[] = [];
  if (filter.backend !== undefined) parts.push(ofBackend(filter.backend));
  if (filter.statuses !== undefined) {
    parts.push({ sql: anyOf(`${row}.status`), bindings: [filter.statuses] });
  }
  if (filter.isMigrating === true) {
    const sql = `(${anyOf('v.migration_status')} or v.migration_status like ? escape '!')`;
    parts.push({ sql, bindings: [MIGRATING, beginsWith(targetOf(''))] });
  }
  if (filter.olderThanMs !== undefined) {
    parts.push({ sql: `coalesce(${row}.updated_at, ${row}.created_at) < ${ago}`, bindings: [filter.olderThanMs] });
  }
  if (filter.after !== undefined) parts.push({ sql: `${row}.id > ?`, bindings: [filter.after] });
  return {
    sql: `${parts.map(({ sql }) => ` and ${sql}`).join('')} order by ${row}.id limit ?`,
    bindings: [...parts.flatMap(({ bindings }) => bindings), filter.limit],
  };
}
