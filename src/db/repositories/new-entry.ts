import type { NewEntry } from '../ports/custody.ts';
import type { Binding } from '../session.ts';

/** A new journal entry's columns; `received_at`, which comes last, is the database's clock. */
export const newColumns =
  'unique_id, owner, method, version, backend, args, context, resource_type, resource_id, origin, received_at';

/** Bindings for `newColumns`. */
export function newValues(entry: NewEntry, owner: string): readonly Binding[] {
  return [
    entry.uniqueId,
    owner,
    entry.method,
    entry.version,
    entry.backend,
    JSON.stringify(entry.args),
    JSON.stringify(entry.context),
    entry.resourceType,
    entry.resourceId,
    entry.origin,
  ];
}
