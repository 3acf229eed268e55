import { describe, expect, test } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { JsonObject } from '../../../../src/domain/json.ts';
import type { Volume } from '../../../../src/domain/rows.ts';
import { HOST, SHARE, SNAPSHOT, SOURCE, VOLUME, goldType, madeVolume, snapshotRow, volumeRow } from './rows.ts';
import { World, type WorldOptions } from './world.ts';

const spec = {
  'versioned_object.name': 'RequestSpec',
  'versioned_object.data': { image_id: null },
  'versioned_object.changes': ['image_id'],
};
const retry = { num_attempts: 1, backends: [`${HOST}#pool`], hosts: [`${HOST}#pool`] };

/** As the scheduler sends it. Plain and wire form are one here: no field that is read has another name. */
const request: JsonObject = {
  volume: { id: VOLUME, host: `${HOST}#pool` },
  request_spec: { image_id: null, backup_id: null, ...spec },
  filter_properties: { retry, size: 3 },
  allow_reschedule: true,
};

function world(row: Partial<Volume> = {}, options: Partial<WorldOptions> = {}): World {
  const source = madeVolume({ id: SOURCE, bootable: true });
  return new World({
    ...options,
    files: { [SOURCE]: 'data', [SNAPSHOT]: 'delta', ...options.files },
    tables: {
      volumes: { [VOLUME]: volumeRow(row), [SOURCE]: source },
      snapshots: { [SNAPSHOT]: snapshotRow() },
      volumeTypes: { [goldType.id]: goldType },
      values: { [`glance ${SOURCE}`]: { image_id: 'img' }, [`glance ${SNAPSHOT}`]: { image_id: 'old' } },
      quotas: { 'project volumes': 2 },
      ...options.tables,
    },
  });
}

const row = (at: World): Volume | undefined => at.db.tables.volumes[VOLUME];

describe('create_volume', () => {
  test.each([
    [
      'chooses a place of its own for what migrates here, whose row names the old one',
      'other:/share',
      ['place', 'create'],
    ],
    ['keeps a share that both backends have', SHARE, ['create']],
  ])('%s', async (_what, provider_location, steps) => {
    const target = { provider_location, migration_status: `target:${SOURCE}`, use_quota: false };
    const at = await world(target).carry('create_volume', { ...request, request_spec: null, filter_properties: null });
    expect(row(at)).toMatchObject({ status: 'available', provider_location: SHARE });
    expect(at.driver.calls.map((call) => call.split(' ')[0])).toEqual(steps);
    expect(at.events()).toEqual([]);
  });

  test('makes an empty volume where its row says, and tells of it', async () => {
    const at = await world().carry('create_volume', request);
    expect(row(at)).toMatchObject({
      status: 'available',
      provider_location: SHARE,
      shared_targets: false,
      service_uuid: 'service-uuid',
      bootable: false,
    });
    expect(row(at)?.launched_at).not.toBeNull();
    expect(at.driver.files.get(VOLUME)).toBe('empty');
    expect(at.db.tables.values[`admin_metadata ${VOLUME}`]).toEqual({ format: 'raw' });
    expect(at.db.tables.workers).toEqual({});
    expect(at.db.tables.entry).toEqual({ outcome: 'done', detail: null });
    expect(at.db.tables.quotas).toEqual({ 'project volumes': 2 });
    expect(at.events()).toEqual(['volume.create.start', 'volume.create.end']);
    expect(at.db.tables.outbox[1]?.payload).toMatchObject({
      publisher_id: `volume.${HOST}#pool`,
      admin: true,
      status: 'available',
      volume_id: VOLUME,
      size: 3,
      created_at: '2026-01-01T00:00:00+00:00',
    });
    expect(at.reports).toBe(1);
  });

  test('copies a snapshot under the locks of its chain', async () => {
    const at = await world({ snapshot_id: SNAPSHOT }).carry('create_volume', request);
    expect(at.driver.files.get(VOLUME)).toBe(`copy of ${SNAPSHOT}`);
    expect(at.locks).toEqual([
      `${VOLUME}-delete_volume`,
      `${SNAPSHOT}-delete_snapshot`,
      `nfs-${VOLUME}`,
      `nfs-${SOURCE}`,
    ]);
    expect(row(at)).toMatchObject({ status: 'available', bootable: true });
    expect(at.db.tables.values[`glance ${VOLUME}`]).toEqual({ image_id: 'old' });
    expect(at.db.tables.outbox[1]?.payload['glance_metadata']).toEqual([{ key: 'image_id', value: 'old' }]);
  });

  test('copies a volume under its locks, by the row and not by the request', async () => {
    const at = await world({ source_volid: SOURCE }).carry('create_volume', request);
    expect(at.driver.files.get(VOLUME)).toBe(`copy of ${SOURCE}`);
    expect(at.locks).toEqual([`${VOLUME}-delete_volume`, `${SOURCE}-delete_volume`, `nfs-${VOLUME}`, `nfs-${SOURCE}`]);
    expect(at.db.tables.values[`glance ${VOLUME}`]).toEqual({ image_id: 'img' });
  });

  test('leaves the host as the scheduler wrote it, whichever member of the cluster that is', async () => {
    const other = { host: 'other@nfs1#pool', cluster_name: 'cl@nfs1#pool' };
    const at = await world(other, { cluster: 'cl@nfs1' }).carry('create_volume', request);
    expect(row(at)).toMatchObject({ status: 'available', host: 'other@nfs1#pool' });
  });

  test.each([
    ['gone', { deleted: true, status: 'deleted' }],
    ['settled', { status: 'available' }],
    ['being deleted', { status: 'deleting' }],
    ['back at the scheduler', { host: null }],
    ['given to another backend', { host: 'ctl@other#pool' }],
  ])('leaves alone a volume that is %s', async (_what, changes) => {
    const at = world(changes);
    const before = structuredClone(row(at));
    await at.carry('create_volume', request);
    expect(row(at)).toEqual(before);
    expect(at.idle).not.toBeNull();
    expect(at.driver.calls).toEqual([]);
    expect(at.db.tables.outbox).toEqual([]);
  });

  test.each([
    ['an image', { image_id: 'img' }],
    ['a backup', { backup_id: 'bak' }],
  ])('refuses %s as a source for good', async (_what, source) => {
    const at = await world().carry('create_volume', { ...request, request_spec: { ...spec, ...source } });
    expect(row(at)).toMatchObject({ status: 'error', host: `${HOST}#pool`, provider_location: null });
    expect(at.db.tables.messages).toMatchObject([{ resource_type: 'VOLUME', action_id: '008', detail_id: '012' }]);
    expect(at.events()).toEqual(['volume.create.start']);
  });

  test('makes no empty volume where nobody knows what it should hold', async () => {
    const at = await world().carry('create_volume', { volume: { id: VOLUME } });
    expect(row(at)?.status).toBe('error');
    expect(at.driver.calls).toEqual([]);
  });

  test('makes a migration target unheard, without a request spec', async () => {
    const target = { migration_status: `target:${SOURCE}`, use_quota: false };
    const args = { ...request, request_spec: null, filter_properties: null, allow_reschedule: false };
    const at = await world(target).carry('create_volume', args);
    expect(row(at)?.status).toBe('available');
    expect(at.events()).toEqual([]);
  });

  describe('that fails', () => {
    const full = new CinderError('NfsNoSuitableShareFound', { volume_size: 3 });

    test('goes back to the scheduler with nothing left behind', async () => {
      const at = world();
      at.driver.fails.set('create', new CinderError('NfsException', {}));
      await at.carry('create_volume', request);
      expect(row(at)).toMatchObject({ status: 'creating', host: null, provider_location: null });
      expect(row(at)?.scheduled_at).not.toBeNull();
      expect(at.driver.files.has(VOLUME)).toBe(false);
      expect(at.db.tables.workers).toEqual({ [`Volume ${VOLUME}`]: 'creating' });
      expect(at.db.tables.entry.outcome).toBe('refused');
      expect(at.events()).toEqual(['volume.create.start', 'cinder-scheduler.create_volume']);
    });

    test('hands on the request as it came, with the reason in it', async () => {
      const at = world();
      at.driver.fails.set('place', full);
      await at.carry('create_volume', request);
      expect(at.driver.calls).toEqual(['place']);
      expect(at.db.tables.outbox.at(-1)?.payload).toEqual({
        context: { request_id: 'req-1' },
        version: '3.0',
        args: {
          volume: { id: VOLUME, host: null },
          snapshot_id: null,
          image_id: null,
          backup_id: null,
          request_spec: {
            ...(request['request_spec'] as JsonObject),
            'versioned_object.data': { image_id: null, volume_id: VOLUME },
            'versioned_object.changes': ['image_id', 'volume_id'],
          },
          filter_properties: {
            size: 3,
            retry: { ...retry, exc: [`cinder.exception.NfsNoSuitableShareFound: ${full.message}\n`] },
          },
        },
      });
    });

    test.each([
      ['it may not', { allow_reschedule: false }],
      ['the scheduler tries only once', { filter_properties: { size: 3 } }],
      ['there is no request spec', { request_spec: null }],
    ])('goes to error where %s', async (_why, changes) => {
      const at = world();
      at.driver.fails.set('create', new CinderError('NfsException', {}));
      await at.carry('create_volume', { ...request, ...changes });
      expect(row(at)).toMatchObject({ status: 'error', host: `${HOST}#pool`, provider_location: SHARE });
      expect(at.db.tables.workers).toEqual({});
      expect(at.db.tables.messages).toMatchObject([{ action_id: '008', detail_id: '012' }]);
    });

    test('goes to error where no other backend would do better', async () => {
      const at = await world({ snapshot_id: 'dead' }).carry('create_volume', request);
      expect(row(at)?.status).toBe('error');
    });

    test('goes to error, and keeps its place, where what was made cannot be removed', async () => {
      const at = world();
      at.driver.fails.set('create', new CinderError('NfsException', {}));
      at.driver.fails.set('remove', new CinderError('NfsException', {}));
      await at.carry('create_volume', request);
      expect(row(at)).toMatchObject({ status: 'error', provider_location: SHARE });
      expect(at.driver.files.has(VOLUME)).toBe(true);
    });

    test('says that the driver is not there, if it is not', async () => {
      const at = await world({}, { ready: false }).carry('create_volume', request);
      expect(row(at)).toMatchObject({ status: 'creating', host: null });
      expect(at.db.tables.messages).toMatchObject([{ action_id: '008', detail_id: '002' }]);
      expect(at.driver.calls).toEqual([]);
    });

    test('does not copy from another backend', async () => {
      const at = world({ source_volid: SOURCE });
      at.db.tables.volumes[SOURCE] = madeVolume({ id: SOURCE, host: 'ctl@other#pool' });
      await at.carry('create_volume', request);
      expect(row(at)).toMatchObject({ status: 'creating', host: null });
    });
  });

  describe('that others interfere with', () => {
    /** Does `change` while the driver makes the file. */
    function during(change: (at: World) => void): World {
      const at = world();
      let done = false;
      at.driver.hook = (name, when) => {
        if (name !== 'driver.create' || when !== 'after' || done) return;
        done = true;
        change(at);
      };
      return at;
    }

    test('leaves a volume to the deletion that was forced meanwhile', async () => {
      const at = during(
        (it) => (it.db.tables.volumes[VOLUME] = volumeRow({ status: 'deleting', provider_location: SHARE })),
      );
      await at.carry('create_volume', request);
      expect(row(at)?.status).toBe('deleting');
      expect(at.idle).toBe('the volume is deleting');
      expect(at.events()).toEqual([]);
    });

    test('writes nothing over a status that changes at the last moment', async () => {
      const at = world({}, { notifies: false });
      let looks = 0;
      at.db.hook = (name, when) => {
        // The second look is the settlement's own, before its transaction.
        if (name !== 'volumes.get' || when !== 'after' || (looks += 1) !== 2) return;
        at.db.tables.volumes[VOLUME] = volumeRow({ status: 'deleting', provider_location: SHARE });
      };
      await at.carry('create_volume', request);
      expect(row(at)?.status).toBe('deleting');
      expect(at.attempts).toBe(2);
    });

    test('removes what it made for a row that is gone', async () => {
      const at = during((it) => (it.db.tables.volumes[VOLUME] = volumeRow({ status: 'deleted', deleted: true })));
      await at.carry('create_volume', request);
      expect(at.driver.files.has(VOLUME)).toBe(false);
      expect(at.db.tables.workers).toEqual({});
      expect(at.db.tables.entry.outcome).toBe('refused');
    });
  });
});
