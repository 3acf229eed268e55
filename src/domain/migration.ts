import type { Volume } from './rows.ts';

/*
 * A volume that migrates has a second row until it has arrived, which says so in upstream's words.
 */

const prefix = 'target:';

/** What a volume says of itself that goes elsewhere; its status may be that of a volume at rest. */
export const MIGRATING: readonly string[] = ['starting', 'migrating', 'completing'];

export function isMigrating({ migration_status: status }: Pick<Volume, 'migration_status'>): boolean {
  return MIGRATING.includes(status ?? '');
}

/** The `migration_status` of the row that the volume of this id migrates into. */
export function targetOf(volumeId: string): string {
  return `${prefix}${volumeId}`;
}

/** The id of the volume that migrates into this one; null: none does. */
export function migratedFrom({ migration_status: status }: Pick<Volume, 'migration_status'>): string | null {
  return status?.startsWith(prefix) === true ? status.slice(prefix.length) : null;
}
