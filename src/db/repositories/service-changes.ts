import type { ServiceChanges } from '../ports/services.ts';
import type { Binding } from '../session.ts';

const columns = ['replication_status', 'active_backend_id', 'frozen', 'disabled', 'disabled_reason'] as const;

/** `column = ?, ` for each that is to change. */
export function assignments(changes: ServiceChanges): { readonly sql: string; readonly bindings: readonly Binding[] } {
  const given = columns.filter((column) => changes[column] !== undefined);
  return {
    sql: given.map((column) => `${column} = ?, `).join(''),
    bindings: given.map((column) => changes[column] ?? null),
  };
}
