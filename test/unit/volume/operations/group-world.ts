import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { Group, Volume } from '../../../../src/domain/rows.ts';
import { GROUP, goldType, groupRow, madeVolume } from './rows.ts';
import { World, type WorldOptions } from './world.ts';

export const VOLUME_2 = '99999999-9999-4999-8999-999999999999';
export const request = { group: { id: GROUP } };
export const quotas = { 'project groups': 2, 'project volumes': 5, 'project gigabytes': 30, 'project volumes_gold': 5 };
export const failure = new CinderError('NfsException', {});

/** What tests of groups differ in. */
type GroupTables = Pick<WorldOptions['tables'], 'groups' | 'groupSnapshots' | 'volumes' | 'snapshots' | 'groupTypes'>;

export function world(tables: GroupTables, options: Partial<WorldOptions> = {}): World {
  return new World({ tables: { volumeTypes: { [goldType.id]: goldType }, quotas, ...tables }, ...options });
}

/** The one that is asked about. */
export const groups = (changes: Partial<Group>): Record<string, Group> => ({ [GROUP]: groupRow(changes) });
export const member = (id: string, changes: Partial<Volume> = {}): Record<string, Volume> => ({
  [id]: madeVolume({ id, group_id: GROUP, ...changes }),
});
export const statusOf = (at: World, id = GROUP): string | null | undefined => at.db.tables.groups[id]?.status;
export const volumeStatus = (at: World, id: string): string | null | undefined => at.db.tables.volumes[id]?.status;
