import { afterEach, describe, expect, it } from 'vitest';
import { attachmentLocks, lockNames } from '../../../../src/coordination/lock-names.ts';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { JsonObject } from '../../../../src/domain/json.ts';
import type { Volume } from '../../../../src/domain/rows.ts';
import type { Tables } from '../../../support/fake-resources/tables.ts';
import { SHARE, SNAPSHOT, TYPE, VOLUME, goldType, madeVolume, snapshotRow } from '../operations/rows.ts';
import { CallWorld } from './call-world.ts';

let world: CallWorld;
afterEach(() => world.stop());

async function start(volume: Partial<Volume> = {}, tables: Partial<Tables> = {}, ready = true): Promise<void> {
  const rows = {
    volumes: { [VOLUME]: madeVolume(volume) },
    snapshots: { [SNAPSHOT]: snapshotRow({ volume_id: VOLUME }) },
  };
  world = await CallWorld.start({ tables: { ...rows, volumeTypes: { [TYPE]: goldType }, ...tables }, ready });
}

const connector = { host: 'compute', ip: '127.0.0.1' };
const initialize = () => world.call('initialize_connection', { volume: { id: VOLUME }, connector });
const data = async (): Promise<JsonObject> => ((await initialize()) as { data: JsonObject }).data;
const metadata = (values: Record<string, string>) => ({ values: { [`admin_metadata ${VOLUME}`]: values } });

describe('initialize_connection', () => {
  it('answers what the driver says and what row and type add, under the lock of the chain', async () => {
    await start();
    expect(await initialize()).toEqual({
      driver_volume_type: 'nfs',
      mount_point_base: '/mnt',
      data: {
        ...{ export: SHARE, name: VOLUME, qos_specs: null, access_mode: 'rw', encrypted: false, cacheable: false },
      },
    });
    expect(world.locked).toEqual([[lockNames.driverVolume('nfs', VOLUME)]]);
    expect(world.tables.values[`admin_metadata ${VOLUME}`]).toEqual({ format: 'raw' });
  });

  it('knows how it was attached, what is for reading only, what is encrypted and what may be cached', async () => {
    await start({}, metadata({ attached_mode: 'ro' }));
    expect(await data()).toMatchObject({ access_mode: 'ro' });
    await start({ encryption_key_id: SNAPSHOT }, metadata({ readonly: 'True' }));
    expect(await data()).toMatchObject({ access_mode: 'ro', encrypted: true });
    await start({}, { volumeTypes: { [TYPE]: { ...goldType, extra_specs: { cacheable: '<is> True' } } } });
    expect(await data()).toMatchObject({ cacheable: true });
  });

  it.each([
    [{ consumer: 'back-end', read_iops_sec: '5' }, null],
    [{ QoS_Specs_Name: 'q', consumer: 'both', read_iops_sec: '5' }, { read_iops_sec: '5' }],
    [{ consumer: 'front-end', total_iops_sec_per_gb: '10' }, { total_iops_sec: 30 }],
    [{ consumer: 'front-end', total_iops_sec_per_gb: '1', total_iops_sec_per_gb_min: '20' }, { total_iops_sec: 20 }],
    [{ consumer: 'front-end', total_iops_sec_per_gb: '10', total_iops_sec_max: '25' }, { total_iops_sec: 25 }],
  ])('hands on what the host is to enforce: %j', async (specs, expected) => {
    await start({}, { qosSpecs: { [TYPE]: specs } });
    expect(await data()).toMatchObject({ qos_specs: expected });
  });

  it('looks again where the driver does not know how it ended, and tells what failed for certain', async () => {
    await start();
    const unknown = new CinderError('RemoteFSException', {}, { message: 'helper lost', outcome: 'unknown' });
    world.world.driver.fails.set('connect', unknown);
    world.world.driver.hook = () => {
      if (world.world.driver.calls.length > 1) world.world.driver.fails.clear();
    };
    expect(await data()).toMatchObject({ name: VOLUME });
    world.world.driver.hook = () => undefined;
    world.world.driver.fails.set('connect', new CinderError('InvalidVolume', { reason: 'too large' }));
    await expect(initialize()).rejects.toMatchObject({ exception: 'VolumeBackendAPIException' });
    await expect(initialize()).rejects.toThrow(/Driver initialize connection failed .*too large/);
  });

  it('answers for no volume of another backend, and not before the driver is ready', async () => {
    await start({ host: 'other@nfs#pool' });
    await expect(initialize()).rejects.toThrow('does not lie on');
    await start({}, {}, false);
    await expect(initialize()).rejects.toMatchObject({ exception: 'DriverNotInitialized' });
  });
});

describe('what ends a connection', () => {
  const ends = [
    ['terminate_connection', { volume_id: VOLUME, connector, force: false }, 'disconnect'],
    ['terminate_connection', { volume_id: VOLUME, connector: null, force: true }, 'unexport'],
    ['remove_export', { volume_id: VOLUME }, 'unexport'],
  ] as const;

  it.each(ends)('%s is the driver to do', async (name, args, step) => {
    await start();
    expect(await world.call(name, args)).toBeNull();
    expect([world.world.driver.calls, world.locked]).toEqual([[`${step} ${VOLUME}`], [attachmentLocks(VOLUME)]]);
    world.world.driver.fails.set(step, new CinderError('VolumeDriverException', { message: 'no' }));
    await expect(world.call(name, args)).rejects.toMatchObject({ exception: 'VolumeBackendAPIException' });
  });
});

describe('what no driver of ours has', () => {
  it('no snapshot is connected, and so none is disconnected', async () => {
    await start();
    const snapshot = { snapshot_id: SNAPSHOT, connector };
    const refused = world.call('initialize_connection_snapshot', snapshot);
    await expect(refused).rejects.toMatchObject({ exception: 'NotSupportedOperation' });
    expect(await world.call('terminate_connection_snapshot', { ...snapshot, force: false })).toBeNull();
    expect(await world.call('remove_export_snapshot', { snapshot_id: SNAPSHOT })).toBeNull();
    const gone = world.call('remove_export_snapshot', { snapshot_id: VOLUME });
    await expect(gone).rejects.toMatchObject({ exception: 'SnapshotNotFound' });
  });

  it('nothing on the backend is tied to an owner, and files are opened as the driver has decided', async () => {
    await start();
    const transfer = { volume_id: VOLUME, new_user: 'u', new_project: 'p', no_snapshots: false };
    expect(await world.call('accept_transfer', transfer)).toBeNull();
    expect(await world.call('secure_file_operations_enabled', { volume: null })).toBe(true);
    await start({}, {}, false);
    await expect(world.call('secure_file_operations_enabled', {})).rejects.toThrow('not ready');
  });
});
