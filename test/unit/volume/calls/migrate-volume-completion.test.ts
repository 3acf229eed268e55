import { afterEach, describe, expect, it } from 'vitest';
import type { Volume } from '../../../../src/domain/rows.ts';
import { TimeoutError } from '../../../../src/kernel/errors.ts';
import { PeerRefusal } from '../../../../src/volume/peers.ts';
import { elsewhere } from '../operations/fake-driver.ts';
import { OTHER_SHARE } from '../operations/fake-peers.ts';
import { HOST, SHARE, SOURCE, VOLUME, madeVolume } from '../operations/rows.ts';
import { ATTACHMENT, ATTACHMENT_2, CallWorld, attachmentRow } from './call-world.ts';

let world: CallWorld;
afterEach(() => world.stop());

const TARGET = SOURCE;
const there = { host: 'other@nfs9#there', provider_location: OTHER_SHARE, service_uuid: 'other' };

/** As Nova leaves it: the target is attached, and the volume's own attachment is gone. */
async function start(volume: Partial<Volume> = {}, attached = TARGET): Promise<void> {
  const own = madeVolume({ status: 'in-use', migration_status: 'migrating', previous_status: 'in-use', ...volume });
  const target = madeVolume({
    ...{ id: TARGET, status: 'in-use', attach_status: 'attached', migration_status: `target:${VOLUME}` },
    ...{ use_quota: false, ...there },
  });
  world = await CallWorld.start({
    tables: {
      volumes: { [VOLUME]: own, [TARGET]: target },
      attachments: { [ATTACHMENT]: attachmentRow({ volume_id: attached, connection_info: '{"name":"volume-new"}' }) },
    },
    files: { [VOLUME]: 'old', [elsewhere(TARGET)]: 'data' },
  });
}

const complete = (error = false) =>
  world.call('migrate_volume_completion', { volume: { id: VOLUME }, new_volume: { id: TARGET }, error });
const row = (id: string) => world.tables.volumes[id];
const casts = () => world.tables.outbox.map(({ topic }) => topic);
const deletedOn = (backend: string) => [`cinder-volume.${backend}.delete_volume`];

describe('migrate_volume_completion', () => {
  it.each(['in-use', 'retyping'])('makes the target of a server the volume, which was %s', async (status) => {
    await start({ status });
    expect(await complete()).toBe(VOLUME);
    expect(row(VOLUME)).toMatchObject({
      ...{ status: 'in-use', attach_status: 'attached', migration_status: 'success', previous_status: 'in-use' },
      ...{ ...there, _name_id: TARGET },
    });
    expect(row(TARGET)).toMatchObject({
      ...{ status: 'deleting', attach_status: 'detached', migration_status: 'deleting' },
      ...{ host: `${HOST}#pool`, provider_location: SHARE, _name_id: VOLUME },
    });
    // The server has the file open under the name that it knows.
    expect(world.tables.attachments[ATTACHMENT]).toMatchObject({ volume_id: VOLUME, attach_status: 'attached' });
    expect(world.world.driver.files.get(elsewhere(TARGET))).toBe('data');
    expect([world.world.driver.calls, world.world.peers.calls]).toEqual([
      [],
      ['update_migrated_volume cinder-volume.other@nfs9'],
    ]);
    expect(casts()).toEqual(deletedOn('ctl@nfs1'));
  });

  it('leaves an attachment that the volume has kept', async () => {
    await start({ attach_status: 'attached' }, VOLUME);
    await complete();
    expect(row(VOLUME)).toMatchObject({ status: 'in-use', attach_status: 'attached', ...there });
    expect(Object.keys(world.tables.attachments)).not.toContain(ATTACHMENT_2);
  });

  it('gives the volume back where the server could not swap, which is what was asked', async () => {
    await start({ status: 'retyping' }, VOLUME);
    expect(await complete(true)).toBe(VOLUME);
    expect(row(VOLUME)).toMatchObject({ status: 'in-use', migration_status: 'error', provider_location: SHARE });
    expect(row(TARGET)).toMatchObject({ status: 'deleting', host: there.host });
    expect([casts(), world.world.peers.calls]).toEqual([deletedOn('other@nfs9'), []]);
  });

  it('tells the caller what the other backend refused', async () => {
    await start();
    world.world.peers.fails.set('update_migrated_volume', { error: new PeerRefusal('not ready'), before: true });
    await expect(complete()).rejects.toThrow(/^Volume migration failed: not ready$/);
    expect(row(VOLUME)).toMatchObject({ status: 'in-use', migration_status: 'error', host: `${HOST}#pool` });
  });

  it('never takes silence for a refusal', async () => {
    await start();
    const { peers } = world.world;
    peers.fails.set('update_migrated_volume', { error: new TimeoutError('call', 1), before: true });
    world.world.db.hook = (name) => {
      if (name === 'volumes.get' && world.world.attempts > 1) peers.fails.clear();
    };
    expect(await complete()).toBe(VOLUME);
    expect(row(VOLUME)).toMatchObject({ migration_status: 'success' });
  });

  it('answers once more what it answered, and refuses what does not migrate into this one', async () => {
    await start({ migration_status: 'success' });
    expect(await complete()).toBe(VOLUME);
    expect(row(TARGET)?.status).toBe('in-use');
    await start();
    world.tables.volumes[TARGET] = madeVolume({ id: TARGET, migration_status: 'target:another' });
    await expect(complete()).rejects.toThrow('does not migrate into');
    expect(row(TARGET)).toMatchObject({ status: 'available', migration_status: 'target:another' });
  });
});
