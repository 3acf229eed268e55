import { describe, expect, test } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import { CLOCK } from '../../../support/fake-resources/tables.ts';
import { VOLUME_2, failure, groups, member, quotas, request, statusOf, volumeStatus, world } from './group-world.ts';
import * as rows from './rows.ts';
import type { World } from './world.ts';

const { GROUP, GROUP_2, GROUP_SNAPSHOT, SHARE, SNAPSHOT, SNAPSHOT_2, SOURCE, VOLUME } = rows;

describe('group snapshots', () => {
  const ofSnapshot = { group_snapshot: { id: GROUP_SNAPSHOT } };
  const both = (status: string, other: object = {}): World =>
    world(
      {
        groupSnapshots: { [GROUP_SNAPSHOT]: rows.groupSnapshotRow({ status }) },
        volumes: { ...member(VOLUME, { bootable: true }), ...member(VOLUME_2) },
        snapshots: {
          [SNAPSHOT]: rows.snapshotRow({ volume_id: VOLUME, group_snapshot_id: GROUP_SNAPSHOT, status }),
          [SNAPSHOT_2]: rows.snapshotRow({
            id: SNAPSHOT_2,
            volume_id: VOLUME_2,
            group_snapshot_id: GROUP_SNAPSHOT,
            status,
            ...other,
          }),
        },
      },
      status === 'deleting' ? { files: { [SNAPSHOT]: 'delta', [SNAPSHOT_2]: 'delta' } } : {},
    );
  const statuses = (at: World): unknown[] => [
    at.db.tables.groupSnapshots[GROUP_SNAPSHOT]?.status,
    at.db.tables.snapshots[SNAPSHOT]?.status,
    at.db.tables.snapshots[SNAPSHOT_2]?.status,
  ];

  test('create_group_snapshot makes one of each volume', async () => {
    const at = both('creating');
    at.db.tables.values[`glance ${VOLUME}`] = { image_id: 'i' };
    await at.carry('create_group_snapshot', ofSnapshot);
    expect(statuses(at)).toEqual(['available', 'available', 'available']);
    expect(at.db.tables.snapshots[SNAPSHOT]?.progress).toBe('100%');
    expect(at.db.tables.values[`glance ${SNAPSHOT}`]).toEqual({ image_id: 'i' });
    expect([...at.driver.files.keys()]).toEqual([SNAPSHOT, SNAPSHOT_2]);
    expect(at.locks).toEqual([
      `${SNAPSHOT}-delete_snapshot`,
      `${SNAPSHOT_2}-delete_snapshot`,
      `aa-groupsnap-${GROUP_SNAPSHOT.replaceAll('-', '')}`,
      `nfs-${VOLUME}`,
      `nfs-${VOLUME_2}`,
    ]);
    expect(at.events()).toEqual([
      ...['group_snapshot.create.start', 'snapshot.create.start', 'snapshot.create.start'],
      ...['group_snapshot.create.end', 'snapshot.create.end', 'snapshot.create.end'],
    ]);
  });

  test('create_group_snapshot takes a snapshot that is there for made', async () => {
    const at = await both('creating', { status: 'available' }).carry('create_group_snapshot', ofSnapshot);
    expect(statuses(at)).toEqual(['available', 'available', 'available']);
    expect(at.driver.calls).toEqual([`snapshots.create ${SNAPSHOT}`]);
  });

  test('create_group_snapshot ends in error with the member that failed; the others are there', async () => {
    const at = both('creating');
    at.driver.fails.set(`snapshots.create ${SNAPSHOT}`, failure);
    await at.carry('create_group_snapshot', ofSnapshot);
    expect(statuses(at)).toEqual(['error', 'error', 'available']);
    expect(at.events()).not.toContain('group_snapshot.create.end');
  });

  test('delete_group_snapshot takes its snapshots with it', async () => {
    const at = await both('deleting').carry('delete_group_snapshot', ofSnapshot);
    expect(statuses(at)).toEqual(['deleted', 'deleted', 'deleted']);
    expect(at.driver.files.size).toBe(0);
    expect(at.db.tables.quotas).toMatchObject({ 'project snapshots': -2, 'project gigabytes': 24 });
    expect(at.events()).toEqual([
      ...['snapshot.delete.start', 'snapshot.delete.end', 'snapshot.delete.start', 'snapshot.delete.end'],
      ...['group_snapshot.delete.start', 'group_snapshot.delete.end'],
    ]);
  });

  test.each([
    ['fails', failure, 'error'],
    ['is busy', new CinderError('SnapshotIsBusy', { snapshot_name: 's' }), 'available'],
  ])('delete_group_snapshot keeps a snapshot that %s', async (_what, error, status) => {
    const at = both('deleting');
    at.driver.fails.set(`snapshots.remove ${SNAPSHOT}`, error);
    await at.carry('delete_group_snapshot', ofSnapshot);
    expect(statuses(at)).toEqual(['error', status, 'deleted']);
  });

  test('delete_group_snapshot leaves a snapshot alone that was reset', async () => {
    const at = await both('deleting', { status: 'available' }).carry('delete_group_snapshot', ofSnapshot);
    expect(statuses(at)).toEqual(['error', 'deleted', 'available']);
    expect(at.driver.files.has(SNAPSHOT_2)).toBe(true);
  });
});

describe('create_group_from_src', () => {
  const fromGroup = (changes: { group?: object; volume?: object; source?: object } = {}): World =>
    world(
      {
        groups: {
          [GROUP]: rows.groupRow({ source_group_id: GROUP_2, ...changes.group }),
          [GROUP_2]: rows.groupRow({ id: GROUP_2, status: 'available' }),
        },
        volumes: {
          [VOLUME]: rows.volumeRow({ group_id: GROUP, source_volid: SOURCE, ...changes.volume }),
          [SOURCE]: rows.madeVolume({ id: SOURCE, group_id: GROUP_2, multiattach: true, ...changes.source }),
        },
      },
      { files: { [SOURCE]: 'data' } },
    );
  const fromSnapshot = (): World =>
    world({
      groups: groups({ group_snapshot_id: GROUP_SNAPSHOT }),
      groupSnapshots: { [GROUP_SNAPSHOT]: rows.groupSnapshotRow({ group_id: GROUP_2, status: 'available' }) },
      volumes: {
        [VOLUME]: rows.volumeRow({ group_id: GROUP, snapshot_id: SNAPSHOT }),
        [SOURCE]: rows.madeVolume({ id: SOURCE, bootable: true }),
      },
      snapshots: { [SNAPSHOT]: rows.snapshotRow({ group_snapshot_id: GROUP_SNAPSHOT }) },
    });

  test('clones the volumes of a group', async () => {
    const at = await fromGroup().carry('create_group_from_src', { ...request, source_group: { id: GROUP_2 } });
    expect(statusOf(at)).toBe('available');
    expect(at.db.tables.volumes[VOLUME]).toMatchObject({
      status: 'available',
      provider_location: SHARE,
      multiattach: true,
      created_at: CLOCK,
      service_uuid: 'service-uuid',
      shared_targets: false,
    });
    expect(at.driver.files.get(VOLUME)).toBe(`copy of ${SOURCE}`);
    expect(at.locks).toEqual([
      `${VOLUME}-delete_volume`,
      `${SOURCE}-delete_volume`,
      `aa-group-${GROUP.replaceAll('-', '')}`,
      `nfs-${VOLUME}`,
      `nfs-${SOURCE}`,
    ]);
    expect(at.events()).toEqual(['group.create.start', 'volume.create.start', 'group.create.end', 'volume.create.end']);
    expect(at.db.tables.quotas).toEqual(quotas);
  });

  test('makes volumes of the snapshots of a group snapshot', async () => {
    const at = await fromSnapshot().carry('create_group_from_src', { ...request, source_group: null });
    expect(statusOf(at)).toBe('available');
    expect(at.db.tables.volumes[VOLUME]).toMatchObject({ status: 'available', bootable: true, multiattach: false });
    expect(at.driver.files.get(VOLUME)).toBe(`copy of ${SNAPSHOT}`);
  });

  test('a failure leaves group and volumes in error, with their places', async () => {
    const at = fromGroup();
    at.driver.fails.set(`clone ${VOLUME}`, failure);
    await at.carry('create_group_from_src', request);
    expect(statusOf(at)).toBe('error');
    expect(at.db.tables.volumes[VOLUME]).toMatchObject({ status: 'error', provider_location: SHARE });
  });

  test.each([
    ['the source group is gone', { group: { source_group_id: SOURCE } }],
    ['no source is named', { group: { source_group_id: null } }],
    ['a source volume is not available', { source: { status: 'in-use' } }],
    ['a volume has another source', { volume: { source_volid: VOLUME_2 } }],
    ['a volume has no source', { volume: { source_volid: null } }],
  ])('refuses where %s', async (_what, changes) => {
    const at = await fromGroup(changes).carry('create_group_from_src', request);
    expect([statusOf(at), volumeStatus(at, VOLUME)]).toEqual(['error', 'error']);
    expect(at.driver.calls).toEqual([]);
  });

  test('removes what it made of a volume that was removed meanwhile', async () => {
    const at = fromGroup();
    at.driver.hook = (name, when) => {
      if (name !== 'driver.clone' || when !== 'after') return;
      at.db.tables.volumes[VOLUME] = rows.volumeRow({ deleted: true });
    };
    await at.carry('create_group_from_src', request);
    expect(at.driver.files.has(VOLUME)).toBe(false);
    expect(statusOf(at)).toBe('available');
  });
});
