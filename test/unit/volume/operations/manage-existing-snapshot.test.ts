import { describe, expect, test } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { Snapshot, Volume } from '../../../../src/domain/rows.ts';
import { HOST, SNAPSHOT, SOURCE, goldType, madeVolume, snapshotRow } from './rows.ts';
import { World, type WorldOptions } from './world.ts';

const request = { snapshot: { id: SNAPSHOT }, ref: 'overlay' };
const quotas = { 'project snapshots': 1, 'project gigabytes': 10, 'project gigabytes_gold': 10 };

function world(
  snapshot: Partial<Snapshot> = {},
  limits = {},
  options: Partial<WorldOptions> = {},
  volume: Partial<Volume> = {},
): World {
  const tables = {
    volumes: { [SOURCE]: madeVolume({ id: SOURCE, bootable: true, ...volume }) },
    snapshots: { [SNAPSHOT]: snapshotRow({ status: 'creating', progress: '0%', ...snapshot }) },
    volumeTypes: { [goldType.id]: goldType },
    values: { [`glance ${SOURCE}`]: { image_id: 'i' } },
    quotas,
    limits,
  };
  return new World({ files: { overlay: '5 GiB' }, tables, ...options });
}

const row = (at: World): Snapshot | undefined => at.db.tables.snapshots[SNAPSHOT];

describe('manage_existing_snapshot', () => {
  test('gives a snapshot its row, and charges what it is larger than its volume was said to be', async () => {
    const at = await world().carry('manage_existing_snapshot', request);
    expect(row(at)).toMatchObject({ status: 'available', volume_size: 5, progress: '0%', provider_id: 'taken' });
    expect(Object.fromEntries(at.driver.files)).toEqual({ [SNAPSHOT]: '5 GiB' });
    expect(at.db.tables.quotas).toEqual({
      'project snapshots': 1,
      'project gigabytes': 12,
      'project gigabytes_gold': 12,
    });
    expect(at.locks).toEqual([`${SNAPSHOT}-delete_snapshot`, `nfs-${SOURCE}`]);
    expect(at.events()).toEqual(['snapshot.manage_existing_snapshot.start', 'snapshot.manage_existing_snapshot.end']);
    expect(at.db.tables.outbox.map(({ payload }) => payload)).toMatchObject([
      { publisher_id: `snapshot.${HOST}`, volume_size: 3, status: 'creating' },
      { volume_size: 5, status: 'available' },
    ]);
    expect(at.db.tables.values).not.toHaveProperty(`glance ${SNAPSHOT}`);
    expect(at.db.tables.messages).toEqual([]);
  });

  test('gives back what it is smaller', async () => {
    const at = await world({ volume_size: 8 }, { 'project gigabytes': 1 }).carry('manage_existing_snapshot', request);
    expect(row(at)).toMatchObject({ status: 'available', volume_size: 5 });
    expect(at.db.tables.quotas).toMatchObject({ 'project gigabytes': 7, 'project gigabytes_gold': 7 });
  });

  test('charges nothing where sizes of snapshots are free', async () => {
    const at = await world({}, {}, { noSnapshotGbQuota: true }).carry('manage_existing_snapshot', request);
    expect(row(at)).toMatchObject({ status: 'available', volume_size: 5 });
    expect(at.db.tables.quotas).toEqual(quotas);
  });

  const refused = new CinderError('ManageExistingInvalidReference', { existing_ref: 'x', reason: 'y' });
  test.each([
    ['names nothing', 3, {}, {}, {}, { 'manageSnapshot.find': refused }],
    ['finds its driver not set up', 3, {}, { ready: false }, {}, {}],
    ['does not lie here', 3, {}, {}, { host: 'elsewhere@nfs1#pool' }, {}],
    ['passes the quota', 3, { 'project gigabytes': 11 }, {}, {}, {}],
  ])('one that %s is an error, and nothing is charged', async (_what, size, limits, options, volume, fails) => {
    const at = world({}, limits, options, volume);
    for (const [step, error] of Object.entries(fails)) at.driver.fails.set(step, error);
    await at.carry('manage_existing_snapshot', request);
    expect(row(at)).toMatchObject({ status: 'error', volume_size: size });
    expect(at.db.tables.quotas).toEqual(quotas);
    expect(at.events()).toEqual(['snapshot.manage_existing_snapshot.start']);
    expect(at.db.tables.messages).toEqual([]);
    expect(Object.fromEntries(at.driver.files)).toEqual({ overlay: '5 GiB' });
  });

  test('one that cannot be taken stays charged for what its row says, which its deletion gives back', async () => {
    const at = world();
    at.driver.fails.set('manageSnapshot.take', refused);
    await at.carry('manage_existing_snapshot', request);
    expect(row(at)).toMatchObject({ status: 'error', volume_size: 5 });
    expect(at.db.tables.quotas).toMatchObject({ 'project gigabytes': 12 });
  });

  test.each([
    ['gone', { deleted: true }],
    ['settled', { status: 'available' }],
  ])('leaves alone a snapshot that is %s', async (_what, changes) => {
    const at = world(changes);
    const before = structuredClone(row(at));
    await at.carry('manage_existing_snapshot', request);
    expect(row(at)).toEqual(before);
    expect(at.driver.calls).toEqual([]);
  });
});

describe('letting go of a snapshot', () => {
  test('takes its row and its charge, and leaves its file', async () => {
    const at = world({ status: 'unmanaging' }, {}, { files: { [SNAPSHOT]: '3 GiB' } });
    await at.carry('delete_snapshot', { ...request, unmanage_only: true });
    expect(row(at)?.deleted).toBe(true);
    expect(Object.fromEntries(at.driver.files)).toEqual({ [SNAPSHOT]: '3 GiB' });
    expect(at.db.tables.quotas).toMatchObject({ 'project snapshots': 0, 'project gigabytes': 7 });
    expect(at.events()).toEqual(['snapshot.delete.start', 'snapshot.delete.end']);
    expect(at.driver.calls).toEqual([]);
  });
});
