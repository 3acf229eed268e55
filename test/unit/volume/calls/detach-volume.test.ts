import { afterEach, describe, expect, it } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { Volume } from '../../../../src/domain/rows.ts';
import type { Tables } from '../../../support/fake-resources/tables.ts';
import { VOLUME, madeVolume } from '../operations/rows.ts';
import type { WorldOptions } from '../operations/world.ts';
import { ATTACHMENT, ATTACHMENT_2, CallWorld, attachmentRow } from './call-world.ts';

let world: CallWorld;
afterEach(() => world.stop());

const one = { [ATTACHMENT]: attachmentRow() };
const two = { ...one, [ATTACHMENT_2]: attachmentRow({ id: ATTACHMENT_2 }) };
const attached = { status: 'detaching', attach_status: 'attached' };

async function start(
  attachments: Tables['attachments'],
  volume: Partial<Volume> = attached,
  options: Partial<WorldOptions> = {},
): Promise<void> {
  const values = { [`admin_metadata ${VOLUME}`]: { attached_mode: 'rw', format: 'raw' } };
  const tables = { volumes: { [VOLUME]: madeVolume(volume) }, attachments, values };
  world = await CallWorld.start({ tables, ...options });
}

const detach = (attachment_id: string | null = ATTACHMENT, uniqueId?: string) =>
  world.call('detach_volume', { volume_id: VOLUME, attachment_id }, uniqueId);
const state = () => {
  const row = world.tables.volumes[VOLUME];
  return [row?.status, row?.attach_status, world.tables.attachments[ATTACHMENT]?.attach_status];
};

describe('detach_volume', () => {
  it.each([ATTACHMENT, null])('ends the attachment (id %s), its mode and what the driver gave', async (id) => {
    await start(one);
    expect(await detach(id)).toBeNull();
    expect(state()).toEqual(['available', 'detached', 'detached']);
    expect(world.tables.values[`admin_metadata ${VOLUME}`]).toEqual({ format: 'raw' });
    expect(world.world.driver.calls).toEqual([`unexport ${VOLUME}`]);
    expect(world.world.events()).toEqual(['volume.detach.start', 'volume.detach.end']);
    const [before, after] = world.tables.outbox.map(({ payload }) => payload['volume_attachment']);
    expect([before, after]).toEqual([[expect.objectContaining({ id: ATTACHMENT })], []]);
  });

  it.each(['reserved', 'attaching', 'attached', 'error_attaching'])(
    'leaves the volume to the attachment that is left (%s)',
    async (attach_status) => {
      await start({ ...one, [ATTACHMENT_2]: attachmentRow({ id: ATTACHMENT_2, attach_status }) });
      await detach();
      const expected: Record<string, string> = { attached: 'in-use', error_attaching: 'available' };
      expect(state()[0]).toBe(expected[attach_status] ?? attach_status);
    },
  );

  it('wants to be told which, where there are several', async () => {
    await start(two);
    await expect(detach(null)).rejects.toMatchObject({ exception: 'InvalidVolume' });
    expect(state()).toEqual(['detaching', 'attached', 'attached']);
  });

  it('is done where the attachment is gone, and wakes no volume that is about to be something else', async () => {
    await start(one);
    await detach(null, 'm');
    await detach(null, 'm');
    expect([state()[0], world.world.events().length]).toEqual(['available', 2]);
    await start({}, { status: 'detaching' });
    await detach();
    expect(state()[0]).toBe('available');
    for (const status of ['deleting', 'uploading', 'error']) {
      await start({}, { status });
      await detach();
      expect(state()[0]).toBe(status);
    }
  });

  it('does all once where the answer to the commit got lost', async () => {
    await start(two, { ...attached, multiattach: true });
    world.loseNextAnswer();
    await detach();
    expect([state()[0], world.tables.attachments[ATTACHMENT_2]?.deleted]).toEqual(['in-use', false]);
    expect(world.world.events()).toEqual(['volume.detach.start', 'volume.detach.end']);
  });

  it.each([
    ['migrating', 'detaching', 'detaching'],
    ['success', 'detaching', 'available'],
    [null, 'uploading', 'uploading'],
  ])('keeps the status of a migration or an upload (%s, %s)', async (migration_status, status, expected) => {
    await start(one, { ...attached, status, migration_status });
    await detach();
    expect(state().slice(0, 2)).toEqual([expected, 'detached']);
  });

  it('says that the driver is not ready, in the attachment as well', async () => {
    await start(one, attached, { ready: false });
    await expect(detach()).rejects.toMatchObject({ exception: 'DriverNotInitialized' });
    expect(state()).toEqual(['detaching', 'attached', 'error_detaching']);
  });

  it('says that the driver could not take back what it gave', async () => {
    await start(one);
    world.world.driver.fails.set('unexport', new CinderError('VolumeBackendAPIException', { data: 'busy' }));
    await expect(detach()).rejects.toMatchObject({ exception: 'RemoveExportException' });
    expect(state()).toEqual(['detaching', 'attached', 'attached']);
  });
});
