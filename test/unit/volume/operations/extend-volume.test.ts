import { describe, expect, test } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { Volume, VolumeAttachment } from '../../../../src/domain/rows.ts';
import { SHARE, VOLUME, goldType, madeVolume } from './rows.ts';
import { World, type WorldOptions } from './world.ts';

const request = { volume: { id: VOLUME }, new_size: 5, reservations: ['r1', 'r2'] };
const quotas = { 'project gigabytes': 3, 'project gigabytes_gold': 3 };
const reservations = {
  r1: { of: 'project gigabytes', delta: 2 },
  r2: { of: 'project gigabytes_gold', delta: 2 },
  other: { of: 'project gigabytes', delta: 7 },
};

function world(volume: Partial<Volume> = {}, options: Partial<WorldOptions> = {}): World {
  const volumes = { [VOLUME]: madeVolume({ status: 'extending', ...volume }) };
  const tables = { volumes, volumeTypes: { [goldType.id]: goldType }, quotas, reservations };
  return new World({ files: { [VOLUME]: '3 GiB' }, tables, ...options });
}

const row = (at: World): Volume | undefined => at.db.tables.volumes[VOLUME];

describe('extend_volume', () => {
  test('gives the volume its size and charges what was put by for it', async () => {
    const at = await world().carry('extend_volume', request);
    expect(row(at)).toMatchObject({ status: 'available', size: 5 });
    expect(at.driver.files.get(VOLUME)).toBe('5 GiB');
    expect(at.db.tables.quotas).toEqual({ 'project gigabytes': 5, 'project gigabytes_gold': 5 });
    expect(Object.keys(at.db.tables.reservations)).toEqual(['other']);
    expect(at.locks).toEqual([`${VOLUME}-delete_volume`, `nfs-${VOLUME}`]);
    expect(at.events()).toEqual(['volume.resize.start', 'volume.resize.end']);
    expect(at.db.tables.outbox.map(({ payload }) => payload)).toMatchObject([
      { size: 3, status: 'extending' },
      { size: 5, status: 'available' },
    ]);
    expect(at.reports).toBe(1);
  });

  test('counts what was added when the next volume is given its place', async () => {
    const at = world();
    const before = await at.ports.provisioned.byLocation([SHARE]);
    const promised = before.get(SHARE) ?? 0;
    await at.carry('extend_volume', request);
    expect((await at.ports.provisioned.byLocation([SHARE])).get(SHARE)).toBe(promised + 2);
  });

  test('a sender may have put nothing by', async () => {
    const at = await world().carry('extend_volume', { volume: { id: VOLUME }, new_size: 5, reservations: null });
    expect(row(at)).toMatchObject({ status: 'available', size: 5 });
    expect(at.db.tables.quotas).toEqual(quotas);
  });

  const refused = new CinderError('ExtendVolumeError', { reason: 'it is attached' });
  test.each([
    ['is refused by its driver', '010', {}, {}, refused],
    ['finds its driver not set up', '002', {}, { ready: false }, null],
    ['does not lie here', '010', { host: 'elsewhere@nfs1#pool' }, {}, null],
  ])('one that %s keeps its size, and its quota comes back', async (_what, detail, volume, options, error) => {
    const at = world(volume, options);
    if (error !== null) at.driver.fails.set('extend', error);
    await at.carry('extend_volume', request);
    expect(row(at)).toMatchObject({ status: 'error_extending', size: 3 });
    expect(at.db.tables.quotas).toEqual(quotas);
    expect(Object.keys(at.db.tables.reservations)).toEqual(['other']);
    expect(at.db.tables.messages).toMatchObject([{ action_id: '007', detail_id: detail, resource_type: 'VOLUME' }]);
    expect(at.events()).toEqual(['volume.resize.start']);
    expect(at.db.tables.entry.outcome).toBe('refused');
  });

  test.each([
    ['gone', { deleted: true }],
    ['settled', { status: 'available' }],
    ['reset by an operator', { status: 'error' }],
  ])('leaves alone a volume that is %s', async (_what, changes) => {
    const at = world(changes);
    const before = structuredClone(row(at));
    await at.carry('extend_volume', request);
    expect(row(at)).toEqual(before);
    expect(at.driver.calls).toEqual([]);
    expect(at.db.tables.quotas).toEqual(quotas);
  });
});

describe('extend_volume_completion', () => {
  const completion = { ...request, error: false };
  const attached = {
    a: { id: 'a', volume_id: VOLUME, deleted: false, attach_status: 'attached' } as unknown as VolumeAttachment,
  };

  test('settles what the compute service has done: nothing on the backend', async () => {
    const at = world({ attach_status: 'attached' });
    at.db.tables.attachments = attached;
    await at.carry('extend_volume_completion', completion);
    expect(row(at)).toMatchObject({ status: 'in-use', size: 5 });
    expect(at.db.tables.quotas).toEqual({ 'project gigabytes': 5, 'project gigabytes_gold': 5 });
    expect(Object.keys(at.db.tables.reservations)).toEqual(['other']);
    expect(at.events()).toEqual(['volume.resize.end']);
    expect(at.driver.calls).toEqual([]);
    expect(at.reports).toBe(1);
  });

  test.each([
    ['the compute service could not do', {}, { ...completion, error: true }],
    ['is not of this backend', { host: 'elsewhere@nfs1#pool' }, completion],
  ])('gives back what was put by for what %s', async (_what, volume, args) => {
    const at = await world(volume).carry('extend_volume_completion', args);
    expect(row(at)).toMatchObject({ status: 'error_extending', size: 3 });
    expect(at.db.tables.quotas).toEqual(quotas);
    expect(Object.keys(at.db.tables.reservations)).toEqual(['other']);
    expect(at.db.tables.messages).toMatchObject([{ action_id: '007', detail_id: '010' }]);
    expect(at.events()).toEqual([]);
  });

  test('leaves alone a volume that is not being extended', async () => {
    const at = world({ status: 'in-use' });
    const before = structuredClone(row(at));
    await at.carry('extend_volume_completion', completion);
    expect(row(at)).toEqual(before);
  });
});
