import type { GroupRepositories } from '../../../src/db/ports/groups.ts';
import type { Snapshot, Volume } from '../../../src/domain/rows.ts';
import { alive, answer, destroy, update, type Faked } from './rows.ts';
import type { Tables } from './tables.ts';

export function groups(tables: Tables): Faked<GroupRepositories> {
  const idsOf = <Row extends Volume | Snapshot>(rows: Record<string, Row>, isMember: (row: Row) => boolean): string[] =>
    Object.values(rows).flatMap((row) => (!row.deleted && isMember(row) ? [row.id] : []));
  return {
    groups: {
      get: (id) => answer(() => alive(tables.groups[id])),
      update: (id, changes, expected) => answer(() => update(tables.groups, id, changes, expected)),
      destroy: (id) => answer(() => destroy(tables.groups, id)),
      volumeIds: (id) => answer(() => idsOf(tables.volumes, (row) => row.group_id === id)),
      typeName: (id) => answer(() => tables.groupTypes[id] ?? null),
    },
    groupSnapshots: {
      get: (id) => answer(() => alive(tables.groupSnapshots[id])),
      update: (id, changes, expected) => answer(() => update(tables.groupSnapshots, id, changes, expected)),
      destroy: (id) => answer(() => destroy(tables.groupSnapshots, id)),
      snapshotIds: (id) => answer(() => idsOf(tables.snapshots, (row) => row.group_snapshot_id === id)),
    },
  };
}
