import { describe, expect, it } from 'vitest';
import { derivedUuid } from '../../../../src/domain/derived-uuid.ts';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { JsonObject } from '../../../../src/domain/json.ts';
import type { Volume, VolumeType } from '../../../../src/domain/rows.ts';
import { attachmentRow } from '../calls/call-world.ts';
import { lostAnswer } from '../../../support/fake-resources.ts';
import type { Tables } from '../../../support/fake-resources/tables.ts';
import { OTHER_SHARE } from './fake-peers.ts';
import { HOST, SHARE, SNAPSHOT, TYPE, VOLUME, goldType, madeVolume, serviceRow, snapshotRow } from './rows.ts';
import { World } from './world.ts';

const NEW = '99999999-9999-4999-8999-999999999999';
const TARGET = derivedUuid(`migration of volume ${VOLUME} by entry 1`);
const here = `${HOST}#pool`;
const there = 'other@nfs9#there';

/** By default there is nothing that the types differ in. */
function world(type: Partial<VolumeType> = {}, row: Partial<Volume> = {}, tables: Partial<Tables> = {}): World {
  const volume = madeVolume({ status: 'retyping', previous_status: 'available', ...row });
  return new World({
    files: { [VOLUME]: 'data' },
    tables: {
      volumes: { [VOLUME]: volume },
      volumeTypes: { [TYPE]: goldType, [NEW]: { ...goldType, id: NEW, name: 'silver', ...type } },
      services: { 7: serviceRow(), 8: serviceRow({ id: 8, host: 'other@nfs9' }) },
      reservations: { old: { of: 'project volumes_gold', delta: -1 }, new: { of: 'project volumes_silver', delta: 1 } },
      ...tables,
    },
  });
}

const retype = (at: World, host = here, migration_policy: string | null = 'on-demand', more: JsonObject = {}) =>
  at.carry('retype', {
    ...{ volume: { id: VOLUME }, new_type_id: NEW, host: { host, cluster_name: null, ...more } },
    ...{ migration_policy, reservations: ['new'], old_reservations: ['old'] },
  });
const row = (at: World): Volume | undefined => at.db.tables.volumes[VOLUME];
const fast = { extra_specs: { speed: 'high' } };
const charged = { 'project volumes_gold': -1, 'project volumes_silver': 1 };

describe('retype', () => {
  it('changes rows only where both types come to the same', async () => {
    const own = snapshotRow({ volume_id: VOLUME });
    const at = await retype(world({}, {}, { snapshots: { [SNAPSHOT]: own } }), here, 'never');
    expect(row(at)).toMatchObject({ volume_type_id: NEW, status: 'available', host: here, provider_location: SHARE });
    expect(row(at)?.migration_status).toBeNull();
    expect(at.db.tables.snapshots[SNAPSHOT]?.volume_type_id).toBe(NEW);
    expect([at.db.tables.quotas, at.db.tables.reservations]).toEqual([charged, {}]);
    expect(at.events()).toEqual(['volume.retype']);
    expect(at.db.tables.outbox[0]?.payload).toMatchObject({ volume_type: NEW, volume_id: VOLUME, status: 'available' });
    expect([at.driver.calls, at.peers.calls]).toEqual([[], []]);
  });

  it.each([
    ['<is> True', 'enabled'],
    ['<is> False', 'disabled'],
  ])('notes that types which speak of replication (%s) make it %s', async (spec, status) => {
    const extra_specs = { replication_enabled: spec };
    const volumeTypes = { [TYPE]: { ...goldType, extra_specs }, [NEW]: { ...goldType, id: NEW, extra_specs } };
    const at = await retype(world({}, {}, { volumeTypes }), here, 'never');
    expect(row(at)).toMatchObject({ volume_type_id: NEW, replication_status: status });
  });

  it.each<[string, Partial<VolumeType>, Partial<Tables>, string]>([
    ['extra specs differ', fast, {}, here],
    ['QoS specs differ', {}, { qosSpecs: { [NEW]: { consumer: 'both' } } }, here],
    ['the scheduler has chosen another backend', {}, {}, there],
  ])('migrates the volume, if it may, where %s', async (_what, type, tables, host) => {
    const at = await retype(world(type, {}, tables), host);
    expect(row(at)).toMatchObject({
      ...{ volume_type_id: NEW, status: 'available', migration_status: 'success', host },
      ...{ provider_location: OTHER_SHARE },
    });
    expect(at.db.tables.volumes[TARGET]).toMatchObject({ status: 'deleting', host: here });
    expect([at.db.tables.quotas, at.db.tables.reservations]).toEqual([charged, {}]);
    expect(at.events().filter((topic) => topic.startsWith('volume.'))).toEqual(['volume.retype']);

    const not = await retype(world(type, {}, tables), host, 'never');
    expect(row(not)).toMatchObject({ volume_type_id: TYPE, status: 'available', migration_status: null, host: here });
    expect(not.db.tables.entry.detail).toContain('Retype requires migration but is not allowed');
    expect([not.db.tables.quotas, not.db.tables.reservations]).toEqual([
      { 'project volumes_gold': 0, 'project volumes_silver': 0 },
      {},
    ]);
    expect([not.peers.calls, not.events()]).toEqual([[], []]);
  });

  it.each<[string, Partial<Volume>, Partial<Tables>, string]>([
    ['has snapshots', {}, { snapshots: { [SNAPSHOT]: snapshotRow({ volume_id: VOLUME }) } }, 'snapshots'],
    ['is replicated', { replication_status: 'enabled' }, {}, 'replicated'],
    ['is to be encrypted', {}, { encryption: { [NEW]: { provider: 'luks' } } }, 'not encrypted, decrypted'],
    ['is to have a type that is gone', {}, { volumeTypes: { [TYPE]: goldType } }, 'could not be found'],
  ])('refuses a volume that %s', async (_what, changes, tables, why) => {
    const at = await retype(world(fast, changes, tables));
    expect(row(at)).toMatchObject({ volume_type_id: TYPE, status: 'available', host: here });
    expect(at.db.tables.entry.detail).toContain(why);
    expect([at.db.tables.reservations, at.peers.calls]).toEqual([{}, []]);
  });

  it('gives everything back where the migration fails', async () => {
    const at = world(fast);
    at.driver.fails.set('copy', new CinderError('NfsException', {}, { outcome: 'failed' }));
    await retype(at, there);
    expect(row(at)).toMatchObject({ volume_type_id: TYPE, status: 'available', migration_status: 'error', host: here });
    expect([at.db.tables.quotas['project volumes_silver'], at.db.tables.reservations]).toEqual([0, {}]);
    expect(at.db.tables.volumes[TARGET]).toMatchObject({ status: 'deleting' });
  });

  it('knows its own backend by the cluster', async () => {
    const volume = { host: 'member@nfs1#pool', cluster_name: 'c@nfs1#pool' };
    const tables = { ...world({}, volume).db.tables };
    const at = new World({ tables, cluster: 'c@nfs1' });
    await retype(at, 'other-member@nfs1#pool', 'never', { cluster_name: 'c@nfs1#pool' });
    expect(row(at)).toMatchObject({ volume_type_id: NEW, cluster_name: 'c@nfs1#pool', status: 'available' });
  });

  it('leaves a volume of which nobody asks it any more', async () => {
    expect((await retype(world({}, { status: 'available' }))).idle).toContain('available');
    expect((await retype(world({}, { host: 'elsewhere@nfs#p' }))).idle).toContain('elsewhere');
  });

  it('asks the server of an attached volume to swap, and charges the quota once, also where it swaps at once', async () => {
    for (const isQuick of [false, true]) {
      const volume = { previous_status: 'in-use', attach_status: 'attached' };
      const at = world(fast, volume, { attachments: { a: attachmentRow() } });
      at.swapVolume = () => {
        // Completed before the answer comes, and the answer gets lost.
        const done = { status: 'in-use', migration_status: 'success', volume_type_id: NEW };
        if (isQuick) at.db.tables.volumes[VOLUME] = { ...(row(at) as Volume), ...done };
        return isQuick ? Promise.reject(lostAnswer('swap')) : Promise.resolve();
      };
      await retype(at, there);
      expect(row(at)?.status).toBe(isQuick ? 'in-use' : 'retyping');
      expect([at.db.tables.quotas, at.db.tables.reservations]).toEqual([charged, {}]);
      expect(at.events().filter((topic) => topic.startsWith('volume.'))).toEqual(['volume.retype']);
    }
  });

  it('changes the type of an attached volume without asking anybody', async () => {
    const tables = { attachments: { a: attachmentRow() } };
    const at = await retype(world({}, { previous_status: 'in-use', attach_status: 'attached' }, tables), here, 'never');
    expect(row(at)).toMatchObject({ volume_type_id: NEW, status: 'in-use', attach_status: 'attached' });
  });
});
