import { describe, expect, it } from 'vitest';
import { derivedUuid } from '../../../../src/domain/derived-uuid.ts';
import { DatabaseError } from '../../../../src/db/database.ts';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { Volume } from '../../../../src/domain/rows.ts';
import { TimeoutError } from '../../../../src/kernel/errors.ts';
import { OpenStackError } from '../../../../src/openstack/openstack-error.ts';
import { PeerRefusal } from '../../../../src/volume/peers.ts';
import { SERVER, attachmentRow } from '../calls/call-world.ts';
import type { Tables } from '../../../support/fake-resources/tables.ts';
import { elsewhere } from './fake-driver.ts';
import { OTHER_SHARE } from './fake-peers.ts';
import { HOST, SHARE, SNAPSHOT, VOLUME, madeVolume, serviceRow, snapshotRow } from './rows.ts';
import { World } from './world.ts';

const OTHER = 'other@nfs9';
const TARGET = derivedUuid(`migration of volume ${VOLUME} by entry 1`);
const request = { volume: { id: VOLUME }, host: { host: `${OTHER}#there`, cluster_name: null, capabilities: {} } };

function world(row: Partial<Volume> = {}, tables: Partial<Tables> = {}, ready = true): World {
  const volume = madeVolume({ migration_status: 'starting', previous_status: 'available', bootable: true, ...row });
  return new World({
    ready,
    files: { [VOLUME]: 'data' },
    tables: {
      volumes: { [VOLUME]: volume },
      services: { 8: serviceRow({ id: 8, host: OTHER, availability_zone: 'zone-9' }) },
      values: {
        [`metadata ${VOLUME}`]: { purpose: 'test' },
        [`admin_metadata ${VOLUME}`]: { format: 'raw', readonly: 'False' },
      },
      ...tables,
    },
  });
}

const row = (at: World): Volume | undefined => at.db.tables.volumes[VOLUME];
const target = (at: World): Volume | undefined => at.db.tables.volumes[TARGET];
const casts = (at: World) => at.db.tables.outbox.map(({ topic, server }) => `${topic} ${String(server)}`);
const creation = `cinder-volume.${OTHER}.create_volume other`;
const back = { status: 'available', host: `${HOST}#pool`, provider_location: SHARE, _name_id: null };

describe('migrate_volume', () => {
  it('takes data and row to the other backend, which makes the target, and has the old data deleted', async () => {
    const at = await world().carry('migrate_volume', request);
    expect(row(at)).toMatchObject({
      ...{ id: VOLUME, status: 'available', migration_status: 'success', previous_status: 'available' },
      ...{ host: `${OTHER}#there`, availability_zone: 'zone-9', service_uuid: 'other', provider_location: OTHER_SHARE },
      ...{ _name_id: null, attach_status: 'detached', use_quota: true, bootable: true },
    });
    expect(target(at)).toMatchObject({
      ...{ status: 'deleting', migration_status: 'deleting', host: `${HOST}#pool`, provider_location: SHARE },
      ...{ _name_id: VOLUME, use_quota: false, display_description: `migration src for ${VOLUME}` },
    });
    expect(at.driver.files.get(elsewhere(VOLUME))).toBe('data');
    expect(at.db.tables.values[`admin_metadata ${VOLUME}`]).toEqual({ format: 'qcow2', readonly: 'False' });
    expect(at.db.tables.values[`metadata ${TARGET}`]).toEqual({ purpose: 'test' });
    expect(casts(at)).toEqual([creation, 'cinder-volume.ctl@nfs1.delete_volume ctl']);
    const of = `cinder-volume.${OTHER}`;
    const asked = ['initialize_connection', 'terminate_connection', 'remove_export', 'update_migrated_volume'];
    expect(at.peers.calls).toEqual(asked.map((method) => `${method} ${of}`));
    expect(at.locks).toEqual([`${VOLUME}-delete_volume`, `nfs-${VOLUME}`]);
    expect([at.db.tables.quotas, at.db.tables.workers]).toEqual([{}, { [`Volume ${TARGET}`]: 'deleting' }]);
    expect(at.reports).toBe(1);
  });

  it('asks for an empty target, which nobody pays for, in the zone of its service and in its cluster', async () => {
    const at = world({ snapshot_id: SNAPSHOT, source_volid: SNAPSHOT, _name_id: SNAPSHOT });
    const seen: Volume[] = [];
    const onMessage = at.db.onMessage;
    at.db.onMessage = (tables, message) => {
      const made = tables.volumes[TARGET];
      if (made?.status === 'creating') seen.push(made);
      onMessage(tables, message);
    };
    at.db.tables.services[8] = serviceRow({
      id: 8,
      host: 'member@nfs9',
      cluster_name: 'c@nfs9',
      availability_zone: 'z',
    });
    const host = { ...request.host, cluster_name: 'c@nfs9#there' };
    await at.carry('migrate_volume', { ...request, host });
    expect(seen).toEqual([
      expect.objectContaining({
        ...{ status: 'creating', migration_status: `target:${VOLUME}`, use_quota: false, availability_zone: 'z' },
        ...{ snapshot_id: null, source_volid: null, _name_id: null, provider_location: null, size: 3 },
        ...{ host: `${OTHER}#there`, cluster_name: 'c@nfs9#there', display_name: 'name' },
      }),
    ]);
    expect(at.db.tables.outbox[0]).toMatchObject({
      topic: 'cinder-volume.c@nfs9.create_volume',
      server: 'c',
      payload: { version: '3.0', args: { request_spec: null, filter_properties: null, allow_reschedule: false } },
    });
    expect(row(at)).toMatchObject({ snapshot_id: SNAPSHOT, source_volid: SNAPSHOT, cluster_name: 'c@nfs9#there' });
    expect(target(at)?._name_id).toBe(SNAPSHOT);
  });

  it('gives a volume that was kept from others its status back, at either end', async () => {
    const held = { status: 'maintenance', previous_status: 'available' };
    expect(row(await world(held).carry('migrate_volume', request))).toMatchObject({ status: 'available' });
    const at = world(held);
    at.driver.fails.set('copy', new CinderError('RemoteFSException', {}, { message: 'no room', outcome: 'failed' }));
    expect(row(await at.carry('migrate_volume', request))).toMatchObject({ ...back, migration_status: 'error' });
  });

  it.each<[string, (at: World) => void]>([
    ['the copy fails', (at) => at.driver.fails.set('copy', new CinderError('NfsException', {}, { outcome: 'failed' }))],
    ['nobody says how to reach the target', (at) => refuse(at, 'initialize_connection', new TimeoutError('call', 1))],
    ['the other service refuses the volume', (at) => refuse(at, 'update_migrated_volume', new PeerRefusal('no'))],
  ])('leaves nothing on the other backend where %s', async (_what, fail) => {
    const at = world();
    fail(at);
    await at.carry('migrate_volume', request);
    expect(row(at)).toMatchObject({ ...back, migration_status: 'error' });
    expect(target(at)).toMatchObject({ status: 'deleting', host: `${OTHER}#there` });
    expect(casts(at)).toEqual([creation, `cinder-volume.${OTHER}.delete_volume other`]);
    expect(at.db.tables.workers).toEqual({ [`Volume ${TARGET}`]: 'deleting' });
    expect(at.db.tables.entry.outcome).toBe('refused');
  });

  it('goes on where the way to the queue broke while the other service was asked how to reach the target', async () => {
    const at = world();
    const error = new DatabaseError('message not confirmed', { outcome: 'unknown' });
    at.peers.fails.set('initialize_connection', { error, once: true });
    await at.carry('migrate_volume', request);
    expect(at.attempts).toBe(2);
    expect(row(at)).toMatchObject({ migration_status: 'success' });
  });

  it('takes the row of a target away that is not made in time, and has one deleted that was made in part', async () => {
    const late = world();
    late.peers.making = 'is away';
    await late.carry('migrate_volume', request);
    expect(late.db.tables.entry.detail).toContain('in time');
    expect([target(late)?.deleted, casts(late), late.db.tables.workers]).toEqual([true, [creation], {}]);
    const partly = world();
    partly.peers.making = 'fails';
    await partly.carry('migrate_volume', request);
    expect(casts(partly)).toEqual([creation, `cinder-volume.${OTHER}.delete_volume other`]);
    for (const at of [late, partly]) expect(row(at)).toMatchObject({ ...back, migration_status: 'error' });
  });

  it.each<[string, Partial<Volume>, Partial<Tables>, string]>([
    ['has snapshots', {}, { snapshots: { [SNAPSHOT]: snapshotRow({ volume_id: VOLUME }) } }, 'snapshots'],
    ['is to go to an unknown service', {}, { services: {} }, 'could not be found'],
  ])('refuses a volume that %s, before anything is made', async (_what, changes, tables, why) => {
    const at = await world(changes, tables).carry('migrate_volume', request);
    expect(at.db.tables.entry).toMatchObject({ outcome: 'refused' });
    expect(at.db.tables.entry.detail).toContain(why);
    expect(row(at)).toMatchObject({ migration_status: 'error', host: `${HOST}#pool` });
    expect([target(at), casts(at), at.peers.calls]).toEqual([undefined, [], []]);
  });

  it('takes the key of an encrypted volume along', async () => {
    const at = await world({ encryption_key_id: SNAPSHOT }).carry('migrate_volume', request);
    expect(at.db.tables.entry).toMatchObject({ outcome: 'done' });
    expect([row(at)?.encryption_key_id, target(at)?.encryption_key_id]).toEqual([SNAPSHOT, SNAPSHOT]);
  });

  it('makes nothing where the files hold snapshots that have no row', async () => {
    const at = world();
    at.driver.fails.set('requireNoSnapshots', new CinderError('InvalidVolume', { reason: 'let go of' }));
    await at.carry('migrate_volume', request);
    expect(row(at)).toMatchObject({ ...back, migration_status: 'error' });
    expect([target(at), casts(at), at.peers.calls]).toEqual([undefined, [], []]);
  });

  it('says so where the driver is not ready', async () => {
    const at = await world({}, {}, false).carry('migrate_volume', request);
    expect(row(at)).toMatchObject({ ...back, migration_status: 'error' });
  });

  it('is done once for a message that comes late, and leaves what another request migrates', async () => {
    const done = await world({ migration_status: 'success' }).carry('migrate_volume', request);
    expect(done.idle).toContain('does not migrate');
    const at = await world({ migration_status: 'migrating' }).carry('migrate_volume', request);
    expect(row(at)).toMatchObject({ migration_status: 'migrating' });
    expect(at.db.tables.entry.outcome).toBe('refused');
    expect(at.db.tables.entry.detail).toContain('another request');
  });

  describe('of an attached volume', () => {
    const attached = (): World =>
      world({ status: 'in-use', attach_status: 'attached' }, { attachments: { a: attachmentRow() } });
    const swap = { serverId: SERVER, from: VOLUME, to: TARGET };
    const reserve = (at: World): void => {
      at.db.tables.volumes[TARGET] = { ...(at.db.tables.volumes[TARGET] as Volume), status: 'reserved' };
    };

    it('asks its server to swap, and leaves the rest to it', async () => {
      const at = attached();
      const asked: unknown[] = [];
      at.swapVolume = (what) => Promise.resolve(void asked.push(what));
      await at.carry('migrate_volume', request);
      expect(asked).toEqual([swap]);
      expect(at.db.tables.entry).toMatchObject({ outcome: 'done', detail: `servers swap to ${TARGET}` });
      expect(row(at)).toMatchObject({ status: 'in-use', migration_status: 'migrating', provider_location: SHARE });
      expect(target(at)).toMatchObject({ status: 'available', migration_status: `target:${VOLUME}` });
      expect([casts(at), at.peers.calls]).toEqual([[creation], []]);
      expect(at.driver.calls).toEqual([`requireNoSnapshots ${VOLUME}`]);
    });

    it('never asks twice a server that has begun, whose answer got lost', async () => {
      const at = attached();
      let calls = 0;
      at.swapVolume = () => {
        calls += 1;
        reserve(at);
        return Promise.reject(new OpenStackError('no answer', { outcome: 'unknown' }));
      };
      await at.carry('migrate_volume', request);
      expect([calls, at.attempts, at.db.tables.entry.outcome]).toEqual([1, 2, 'done']);
    });

    it('asks again where no sign of it is seen, and takes a refusal for the sign if it came between', async () => {
      const at = attached();
      let calls = 0;
      at.swapVolume = () => {
        calls += 1;
        if (calls === 1) return Promise.reject(new OpenStackError('no answer', { outcome: 'unknown' }));
        reserve(at);
        return Promise.reject(new OpenStackError('HTTP 400: already reserved', { outcome: 'failed' }));
      };
      await at.carry('migrate_volume', request);
      expect([calls, at.db.tables.entry.outcome]).toEqual([2, 'done']);
    });

    it('leaves nothing where Nova refuses, or a host without a server has it', async () => {
      const host = { attachments: { a: attachmentRow({ instance_uuid: null }) } };
      for (const at of [attached(), world({ status: 'in-use', attach_status: 'attached' }, host)]) {
        await at.carry('migrate_volume', request);
        expect(row(at)).toMatchObject({ status: 'in-use', migration_status: 'error', host: `${HOST}#pool` });
        expect(target(at)).toMatchObject({ status: 'deleting' });
        expect(at.db.tables.entry.outcome).toBe('refused');
      }
    });
  });

  describe('where the other service does not answer at the end', () => {
    it('finds that it has taken the volume over', async () => {
      const at = world();
      refuse(at, 'update_migrated_volume', new TimeoutError('call', 1), false);
      await at.carry('migrate_volume', request);
      expect(row(at)).toMatchObject({ migration_status: 'success', provider_location: OTHER_SHARE });
      expect(at.attempts).toBe(1);
    });

    it('asks until it does, and copies again what may have changed meanwhile', async () => {
      const at = world();
      at.peers.fails.set('update_migrated_volume', { error: new TimeoutError('call', 1), before: true });
      at.driver.hook = (name) => {
        if (name === 'driver.copy' && at.attempts === 2) at.driver.files.set(VOLUME, 'data of a guest');
        if (name === 'driver.copy' && at.attempts === 3) at.peers.fails.clear();
      };
      await at.carry('migrate_volume', request);
      expect(row(at)).toMatchObject({ migration_status: 'success' });
      expect(at.driver.files.get(elsewhere(VOLUME))).toBe('data of a guest');
      expect(casts(at)).toHaveLength(2);
    });

    it('finishes for one that ended between the file and the rows', async () => {
      const at = world();
      at.peers.diesBetween = true;
      await at.carry('migrate_volume', request);
      expect(row(at)).toMatchObject({ migration_status: 'success', provider_location: OTHER_SHARE, _name_id: null });
      expect(target(at)).toMatchObject({ status: 'deleting', provider_location: SHARE });
      expect(at.driver.files.get(elsewhere(VOLUME))).toBe('data');
    });
  });
});

function refuse(at: World, method: string, error: Error, before = true): void {
  at.peers.fails.set(method, { error, before });
}
