import { afterEach, describe, expect, it } from 'vitest';
import { attachmentLocks } from '../../../../src/coordination/lock-names.ts';
import type { JsonObject } from '../../../../src/domain/json.ts';
import type { Volume } from '../../../../src/domain/rows.ts';
import type { Tables } from '../../../support/fake-resources/tables.ts';
import { VOLUME, madeVolume } from '../operations/rows.ts';
import type { WorldOptions } from '../operations/world.ts';
import { ATTACHMENT, CallWorld, SERVER, attachmentRow } from './call-world.ts';

let world: CallWorld;
afterEach(() => world.stop());

async function start(volume: Partial<Volume>, tables: Partial<Tables> = {}, options: Partial<WorldOptions> = {}) {
  world = await CallWorld.start({
    tables: { volumes: { [VOLUME]: madeVolume(volume) }, ...tables },
    ...options,
  });
}

const request: JsonObject = {
  ...{ volume_id: VOLUME, instance_uuid: SERVER, host_name: 'Compute_1.', mountpoint: '/dev/vdb', mode: 'rw' },
  volume: { id: VOLUME },
};

const rows = () => Object.values(world.tables.attachments);
const state = () => {
  const row = world.tables.volumes[VOLUME];
  return [row?.status, row?.attach_status, world.tables.values[`admin_metadata ${VOLUME}`]?.['attached_mode']];
};

describe('attach_volume', () => {
  it('notes the attachment, the mode and the host by its plain name, and tells of it', async () => {
    await start({ status: 'attaching' });
    const answer = await world.call('attach_volume', request);
    const [row] = rows();
    expect(answer).toEqual({ id: row?.id, volume: VOLUME });
    expect(row).toMatchObject({
      ...{ instance_uuid: SERVER, attached_host: 'compute-1', mountpoint: '/dev/vdb', attach_mode: 'rw' },
      ...{ attach_status: 'attached', volume_id: VOLUME },
    });
    expect(state()).toEqual(['in-use', 'attached', 'rw']);
    expect(world.world.events()).toEqual(['volume.attach.start', 'volume.attach.end']);
    const [before, after] = world.tables.outbox.map(({ payload }) => payload['volume_attachment']);
    expect([before, after]).toEqual([[], [expect.objectContaining({ attach_status: 'attached' })]]);
    expect(world.locked).toEqual([attachmentLocks(VOLUME)]);
    expect(world.wakes).toBe(1);
  });

  it('answers the same for the same message, and adds nothing', async () => {
    await start({ status: 'attaching' });
    const first = await world.call('attach_volume', request, 'm');
    expect(await world.call('attach_volume', request, 'm')).toEqual(first);
    expect([rows().length, world.world.events().length]).toEqual([1, 2]);
  });

  it('does all once where the answer to the commit got lost', async () => {
    await start({ status: 'attaching' });
    world.loseNextAnswer();
    await world.call('attach_volume', request);
    expect(rows().map(({ attach_status }) => attach_status)).toEqual(['attached']);
    expect(world.world.events()).toEqual(['volume.attach.start', 'volume.attach.end']);
  });

  it.each([
    ['of the instance', request],
    ['of the host, where no instance is named', { ...request, instance_uuid: null, host_name: 'compute' }],
  ])('finds an attachment %s that is there already', async (_what, args) => {
    await start({ status: 'attaching' }, { attachments: { [ATTACHMENT]: attachmentRow() } });
    expect(await world.call('attach_volume', args)).toEqual({ id: ATTACHMENT, volume: VOLUME });
    expect([rows().length, state()[0], world.world.events()]).toEqual([1, 'in-use', []]);
  });

  it('refuses a second mode while it is being attached, and a second user of what is not for several', async () => {
    const tables = { values: { [`admin_metadata ${VOLUME}`]: { attached_mode: 'ro' } } };
    await start({ status: 'attaching' }, tables);
    await expect(world.call('attach_volume', request)).rejects.toThrow('different mode');
    await start({ status: 'in-use' });
    await expect(world.call('attach_volume', request)).rejects.toThrow('already attached');
    expect(rows()).toEqual([]);
    await start({ status: 'in-use', multiattach: true });
    await world.call('attach_volume', request);
    expect(rows().length).toBe(1);
  });

  it('notes what it refuses, once for the same message, and attaches when the reason is gone', async () => {
    const values = { [`admin_metadata ${VOLUME}`]: { readonly: 'True' } };
    await start({ status: 'attaching' }, { values });
    const attempt = world.call('attach_volume', request, 'm');
    await expect(attempt).rejects.toMatchObject({ exception: 'InvalidVolumeAttachMode' });
    await expect(world.call('attach_volume', request, 'm')).rejects.toThrow();
    expect(rows().map(({ attach_status }) => attach_status)).toEqual(['error_attaching']);
    expect(world.tables.messages).toEqual([expect.objectContaining({ action_id: '002', detail_id: '005' })]);
    expect([state()[0], world.world.events()]).toEqual(['attaching', ['volume.attach.start']]);
    world.tables.values[`admin_metadata ${VOLUME}`] = {};
    await world.call('attach_volume', request, 'm');
    expect(rows().map(({ attach_status }) => attach_status)).toEqual(['attached']);
  });

  it('takes no instance that is no uuid, and notes nothing for the user', async () => {
    await start({ status: 'attaching' });
    const wrong = world.call('attach_volume', { ...request, instance_uuid: 'server-1' });
    await expect(wrong).rejects.toMatchObject({ exception: 'InvalidUUID', httpCode: 400 });
    expect([rows()[0]?.attach_status, world.tables.messages]).toEqual(['error_attaching', []]);
  });

  it('says that the driver is not ready', async () => {
    await start({ status: 'attaching' }, {}, { ready: false });
    await expect(world.call('attach_volume', request)).rejects.toMatchObject({ exception: 'DriverNotInitialized' });
    expect(world.tables.messages).toEqual([expect.objectContaining({ action_id: '002', detail_id: '002' })]);
  });

  it('leaves volumes of other backends and volumes that are gone alone', async () => {
    await start({ host: 'other@nfs#pool' });
    await expect(world.call('attach_volume', request)).rejects.toThrow('does not lie on');
    await start({ deleted: true });
    await expect(world.call('attach_volume', request)).rejects.toMatchObject({ exception: 'VolumeNotFound' });
  });
});
