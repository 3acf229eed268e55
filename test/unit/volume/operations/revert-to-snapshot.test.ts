import { describe, expect, test } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { Snapshot, Volume } from '../../../../src/domain/rows.ts';
import { SNAPSHOT, SNAPSHOT_2, SOURCE, VOLUME, madeVolume, snapshotRow } from './rows.ts';
import { World, type WorldOptions } from './world.ts';

const request = { volume: { id: VOLUME }, snapshot: { id: SNAPSHOT } };

function world(
  volume: Partial<Volume> = {},
  snapshot: Partial<Snapshot> = {},
  options: Partial<WorldOptions> = {},
): World {
  const snapshots = {
    [SNAPSHOT]: snapshotRow({ volume_id: VOLUME, status: 'restoring', ...snapshot }),
    [SNAPSHOT_2]: snapshotRow({ id: SNAPSHOT_2, volume_id: VOLUME }),
  };
  const volumes = { [VOLUME]: madeVolume({ status: 'reverting', ...volume }) };
  return new World({ files: { [VOLUME]: 'data' }, tables: { volumes, snapshots }, ...options });
}

const statuses = (at: World): readonly (string | null | undefined)[] => [
  at.db.tables.volumes[VOLUME]?.status,
  at.db.tables.snapshots[SNAPSHOT]?.status,
];
const all = ['volume.revert.start', 'snapshot.revert.start', 'volume.revert.end', 'snapshot.revert.end'];

describe('revert_to_snapshot', () => {
  test('gives the volume what it held, under the locks of its whole chain', async () => {
    const at = await world().carry('revert_to_snapshot', request);
    expect(statuses(at)).toEqual(['available', 'available']);
    expect(at.driver.files.get(VOLUME)).toBe(`as in ${SNAPSHOT}`);
    expect(at.locks).toEqual([
      `${VOLUME}-delete_volume`,
      `${SNAPSHOT}-delete_snapshot`,
      `${SNAPSHOT_2}-delete_snapshot`,
      `nfs-${VOLUME}`,
    ]);
    expect(at.events()).toEqual(all);
    expect(at.db.tables.outbox.map(({ payload }) => (payload as { status: string }).status)).toEqual([
      'reverting',
      'restoring',
      'available',
      'available',
    ]);
    expect(at.db.tables.messages).toEqual([]);
  });

  test.each([
    ['its driver refuses', {}, {}, {}, new CinderError('InvalidSnapshot', { reason: 'not the latest' })],
    ['its driver is not set up', {}, {}, { ready: false }, null],
    ['it does not lie here', { host: 'elsewhere@nfs1#pool' }, {}, {}, null],
    ['the snapshot is of another volume', {}, { volume_id: SOURCE }, {}, null],
  ])('where %s, the volume is in error and the snapshot as before', async (_what, volume, snapshot, options, error) => {
    const at = world(volume, snapshot, options);
    if (error !== null) at.driver.fails.set('revert', error);
    await at.carry('revert_to_snapshot', request);
    expect(statuses(at)).toEqual(['error', 'available']);
    expect(at.db.tables.entry.outcome).toBe('refused');
    expect(at.events()).toEqual(all);
    expect(at.driver.calls).toEqual(error === null ? [] : [`revert ${VOLUME}`]);
  });

  test('of a snapshot that is gone: the volume does not stay as it is for ever', async () => {
    const at = await world({}, { deleted: true }).carry('revert_to_snapshot', request);
    expect(statuses(at)[0]).toBe('error');
    expect(at.driver.calls).toEqual([]);
  });

  test('a snapshot whose status somebody set keeps it', async () => {
    const at = await world({}, { status: 'error' }).carry('revert_to_snapshot', request);
    expect(statuses(at)).toEqual(['available', 'error']);
  });

  test.each(['available', 'error'])('leaves alone a volume that is %s', async (status) => {
    const at = await world({ status }).carry('revert_to_snapshot', request);
    expect(statuses(at)).toEqual([status, 'restoring']);
    expect(at.driver.calls).toEqual([]);
    expect(at.idle).toBe(`the volume is ${status}`);
  });
});
