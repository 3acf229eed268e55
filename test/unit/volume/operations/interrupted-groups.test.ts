import { describe, test } from 'vitest';
import { endsTheSame, failure, quotas, testInterrupted, worldOf, type Fails, type Scenario } from './interrupted.ts';
import {
  GROUP,
  GROUP_2,
  GROUP_SNAPSHOT,
  SNAPSHOT,
  SNAPSHOT_2,
  SOURCE,
  VOLUME,
  groupRow,
  groupSnapshotRow,
  madeVolume,
  serviceRow,
  snapshotRow,
  volumeRow,
} from './rows.ts';
import type { World } from './world.ts';

/** A group of two volumes, each with a snapshot of one group snapshot, and another group that is made from it. */
function group(
  statuses: { group?: string; groupSnapshot?: string; volume?: string; snapshot?: string; copy?: string },
  fails: Fails = {},
): World {
  const volumeStatus = statuses.volume ?? 'available';
  const member = (id: string) =>
    madeVolume({ id, group_id: GROUP, status: volumeStatus, replication_status: 'disabled' });
  const own = (id: string, volume_id: string) =>
    snapshotRow({ id, volume_id, group_snapshot_id: GROUP_SNAPSHOT, status: statuses.snapshot ?? 'available' });
  const copy = (id: string, source: object) => volumeRow({ id, group_id: GROUP_2, ...source });
  const hasSnapshots = statuses.snapshot !== undefined;
  return worldOf(
    {
      files: { [VOLUME]: 'data', [SOURCE]: 'data', [SNAPSHOT]: 'delta', [SNAPSHOT_2]: 'delta' },
      tables: {
        quotas: { ...quotas, 'project groups': 2 },
        services: { 7: serviceRow() },
        groups: {
          [GROUP]: groupRow({ status: statuses.group ?? 'available' }),
          [GROUP_2]: groupRow({ id: GROUP_2, source_group_id: GROUP, status: statuses.copy ?? 'available' }),
        },
        groupSnapshots: { [GROUP_SNAPSHOT]: groupSnapshotRow({ status: statuses.groupSnapshot ?? 'available' }) },
        volumes: {
          [VOLUME]: member(VOLUME),
          [SOURCE]: member(SOURCE),
          ...(statuses.copy === undefined
            ? {}
            : { [COPY]: copy(COPY, { source_volid: VOLUME }), [COPY_2]: copy(COPY_2, { source_volid: SOURCE }) }),
        },
        snapshots: hasSnapshots ? { [SNAPSHOT]: own(SNAPSHOT, VOLUME), [SNAPSHOT_2]: own(SNAPSHOT_2, SOURCE) } : {},
      },
    },
    fails,
  );
}

const COPY = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
const COPY_2 = 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb';
const ofGroup = { group: { id: GROUP } };
const ofCopy = { group: { id: GROUP_2 } };
const ofGroupSnapshot = { group_snapshot: { id: GROUP_SNAPSHOT } };

const scenarios: readonly Scenario[] = [
  ['a group', 'create_group', ofGroup, () => group({ group: 'creating' })],
  ['a group that changes', 'update_group', { ...ofGroup, remove_volumes: VOLUME }, () => group({ group: 'updating' })],
  [
    'a group that refuses to change',
    'update_group',
    { ...ofGroup, add_volumes: SNAPSHOT },
    () => group({ group: 'updating' }),
  ],
  ['the deletion of a group', 'delete_group', ofGroup, () => group({ group: 'deleting', volume: 'deleting' })],
  [
    'the deletion of a group that fails at one volume',
    'delete_group',
    ofGroup,
    () => group({ group: 'deleting', volume: 'deleting' }, { [`remove ${SOURCE}`]: failure }),
  ],
  ['a group from a group', 'create_group_from_src', ofCopy, () => group({ copy: 'creating' })],
  [
    'a group from a group that fails at one volume',
    'create_group_from_src',
    ofCopy,
    () => group({ copy: 'creating' }, { [`clone ${COPY_2}`]: failure }),
  ],
  [
    'a group snapshot',
    'create_group_snapshot',
    ofGroupSnapshot,
    () => group({ groupSnapshot: 'creating', snapshot: 'creating' }),
  ],
  [
    'a group snapshot that fails at one volume',
    'create_group_snapshot',
    ofGroupSnapshot,
    () => group({ groupSnapshot: 'creating', snapshot: 'creating' }, { [`snapshots.create ${SNAPSHOT_2}`]: failure }),
  ],
  [
    'the deletion of a group snapshot',
    'delete_group_snapshot',
    ofGroupSnapshot,
    () => group({ groupSnapshot: 'deleting', snapshot: 'deleting' }),
  ],
  [
    'the deletion of a group snapshot that fails at one volume',
    'delete_group_snapshot',
    ofGroupSnapshot,
    () => group({ groupSnapshot: 'deleting', snapshot: 'deleting' }, { [`snapshots.remove ${SNAPSHOT_2}`]: failure }),
  ],
];

testInterrupted(scenarios);

describe('a failover', () => {
  test('ends the same, wherever an owner ends', async () => {
    await endsTheSame('failover', { secondary_backend_id: 'b' }, () => group({ snapshot: 'available' }));
  });
});
