import { describe, expect, test } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { Volume } from '../../../../src/domain/rows.ts';
import { HOST, SHARE, SNAPSHOT, VOLUME, goldType, madeVolume, snapshotRow, volumeRow } from './rows.ts';
import { World, type WorldOptions } from './world.ts';

const request = { volume: { id: VOLUME }, ref: 'disk.img' };
const quotas = { 'project volumes': 1, 'project gigabytes': 10, 'project gigabytes_gold': 10 };
const managing = { status: 'managing', size: 0 };
const volumeTypes = { [goldType.id]: goldType };

function world(volume: Partial<Volume> = {}, limits = {}, options: Partial<WorldOptions> = {}): World {
  const volumes = { [VOLUME]: volumeRow({ ...managing, ...volume }) };
  const tables = { volumes, volumeTypes, quotas, limits };
  return new World({ files: { 'disk.img': '5 GiB' }, tables, ...options });
}

const row = (at: World): Volume | undefined => at.db.tables.volumes[VOLUME];

describe('manage_existing', () => {
  test('makes a volume of what the reference names, and charges its size', async () => {
    const at = await world().carry('manage_existing', request);
    expect(row(at)).toMatchObject({ status: 'available', size: 5, provider_location: SHARE, shared_targets: false });
    expect(row(at)).toMatchObject({ launched_at: expect.any(String) as string, service_uuid: 'service-uuid' });
    expect(at.db.tables.values[`admin_metadata ${VOLUME}`]).toEqual({ format: 'raw' });
    expect(Object.fromEntries(at.driver.files)).toEqual({ [VOLUME]: '5 GiB' });
    expect(at.db.tables.quotas).toEqual({
      'project volumes': 1,
      'project gigabytes': 15,
      'project gigabytes_gold': 15,
    });
    expect(at.locks).toEqual([`${VOLUME}-delete_volume`, 'aa-file-disk.img', `nfs-${VOLUME}`]);
    expect(at.events()).toEqual(['volume.manage_existing.start', 'volume.manage_existing.end']);
    expect(at.db.tables.outbox.map(({ payload }) => payload)).toMatchObject([
      { publisher_id: `volume.${HOST}#pool`, size: 0, status: 'managing' },
      { size: 5, status: 'available' },
    ]);
    expect(at.db.tables.messages).toEqual([]);
    expect(at.db.tables.workers).toEqual({});
    expect(at.reports).toBe(1);
  });

  const refused = new CinderError('ManageExistingInvalidReference', { existing_ref: 'x', reason: 'y' });
  test.each([
    ['names nothing', {}, {}, {}, { 'manage.find': refused }],
    ['cannot be taken', {}, {}, {}, { 'manage.take': refused }],
    ['finds its driver not set up', {}, {}, { ready: false }, {}],
    ['does not lie here', { host: 'elsewhere@nfs1#pool' }, {}, {}, {}],
    ['passes the quota', {}, { 'project gigabytes': 14 }, {}, {}],
    ["passes its type's quota", {}, { 'project gigabytes_gold': 14 }, {}, {}],
    ['is larger than a volume may be', {}, { 'project per_volume_gigabytes': 4 }, {}, {}],
  ])('one that %s is charged nothing, and is as it came', async (_what, volume, limits, options, fails) => {
    const at = world(volume, limits, options);
    for (const [step, error] of Object.entries(fails)) at.driver.fails.set(step, error);
    await at.carry('manage_existing', request);
    expect(row(at)).toMatchObject({ status: 'error_managing', size: 0, provider_location: null });
    expect(at.db.tables.quotas).toEqual(quotas);
    expect(at.db.tables.messages).toEqual([]);
    expect(at.events()).toEqual(['volume.manage_existing.start']);
    expect(at.db.tables.entry.outcome).toBe('refused');
  });

  test('names the limit that would be passed', async () => {
    const at = await world({}, { 'project gigabytes': 14 }).carry('manage_existing', request);
    expect(at.db.tables.entry.detail).toBe('Over the gigabytes quota: 5G requested, 10G of 14G used.');
    expect(Object.fromEntries(at.driver.files)).toEqual({ 'disk.img': '5 GiB' });
  });

  test('fills a quota to the brim', async () => {
    const limits = { 'project gigabytes': 15, 'project per_volume_gigabytes': 5 };
    expect(row(await world({}, limits).carry('manage_existing', request))?.status).toBe('available');
  });

  test.each([
    ['gone', { deleted: true }],
    ['settled', { status: 'available' }],
    ['reset by an operator', { status: 'error_managing' }],
  ])('leaves alone a volume that is %s', async (_what, changes) => {
    const at = world(changes);
    const before = structuredClone(row(at));
    await at.carry('manage_existing', request);
    expect(row(at)).toEqual(before);
    expect(at.driver.calls).toEqual([]);
  });
});

describe('letting go of a volume', () => {
  const unmanage = { volume: { id: VOLUME }, unmanage_only: true, cascade: false };
  const unmanaged = (changes: Partial<Volume>, snapshots = {}): World =>
    new World({
      files: { [VOLUME]: '3 GiB' },
      tables: {
        volumes: { [VOLUME]: madeVolume({ status: 'unmanaging', ...changes }) },
        volumeTypes,
        quotas,
        snapshots,
      },
    });

  test('gives back what it was charged, and leaves its file', async () => {
    const at = await unmanaged({}).carry('delete_volume', unmanage);
    expect(row(at)).toMatchObject({ deleted: true });
    expect(Object.fromEntries(at.driver.files)).toEqual({ [VOLUME]: '3 GiB' });
    expect(at.db.tables.quotas).toMatchObject({ 'project volumes': 0, 'project gigabytes': 7 });
    expect(at.events()).toEqual(['volume.unmanage.start', 'volume.unmanage.end']);
    expect(at.reports).toBe(1);
  });

  test('waits for its snapshots to be let go of', async () => {
    const own = snapshotRow({ volume_id: VOLUME });
    const at = await unmanaged({}, { [SNAPSHOT]: own }).carry('delete_volume', unmanage);
    expect(row(at)?.status).toBe('available');
  });

  test('whose taking-in was cut short gives back what it was charged, and leaves whatever there is', async () => {
    const at = await unmanaged({ status: 'error_managing_deleting' }).carry('delete_volume', {
      ...unmanage,
      unmanage_only: false,
    });
    expect(row(at)).toMatchObject({ deleted: true });
    expect(Object.fromEntries(at.driver.files)).toEqual({ [VOLUME]: '3 GiB' });
    expect(at.db.tables.quotas).toMatchObject({ 'project volumes': 1, 'project gigabytes': 7 });
  });
});
