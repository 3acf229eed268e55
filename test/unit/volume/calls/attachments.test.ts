import { afterEach, describe, expect, it } from 'vitest';
import { attachmentLocks, lockNames } from '../../../../src/coordination/lock-names.ts';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { JsonObject } from '../../../../src/domain/json.ts';
import type { VolumeAttachment } from '../../../../src/domain/rows.ts';
import { SHARE, TYPE, VOLUME, goldType, madeVolume } from '../operations/rows.ts';
import type { WorldOptions } from '../operations/world.ts';
import { ATTACHMENT, ATTACHMENT_2, CallWorld, attachmentRow } from './call-world.ts';

let world: CallWorld;
afterEach(() => world.stop());

const reserved = { attach_status: 'reserved', attached_host: null, mountpoint: null, attach_mode: 'null' };

async function start(row: Partial<VolumeAttachment> = reserved, options: Partial<WorldOptions> = {}): Promise<void> {
  const volumes = { [VOLUME]: madeVolume({ status: 'reserved', attach_status: 'reserved' }) };
  const attachments = { [ATTACHMENT]: attachmentRow(row) };
  world = await CallWorld.start({ tables: { volumes, attachments, volumeTypes: { [TYPE]: goldType } }, ...options });
}

const connector = { host: 'compute', mountpoint: '/dev/vdc', mode: 'ro', multipath: false };
const update = (given: JsonObject = connector, attachment_id = ATTACHMENT) =>
  world.call('attachment_update', { vref: { id: VOLUME }, connector: given, attachment_id });
const remove = () => world.call('attachment_delete', { attachment_id: ATTACHMENT, vref: { id: VOLUME } });
const row = () => world.tables.attachments[ATTACHMENT];
const state = () => [world.tables.volumes[VOLUME]?.status, row()?.attach_status];

describe('attachment_update', () => {
  it('answers flat what the host needs, and gives the attachment its host', async () => {
    await start();
    expect(await update()).toEqual({
      ...{ driver_volume_type: 'nfs', mount_point_base: '/mnt', attachment_id: ATTACHMENT, export: SHARE },
      ...{ name: VOLUME, qos_specs: null, access_mode: 'rw', encrypted: false, cacheable: false },
    });
    expect(row()).toMatchObject({ attached_host: 'compute', mountpoint: '/dev/vdc', attach_mode: 'ro' });
    expect(JSON.parse(row()?.connector ?? '')).toEqual(connector);
    expect(state()).toEqual(['attaching', 'attaching']);
    expect(world.tables.volumes[VOLUME]?.attach_status).toBe('attaching');
    expect(world.world.events()).toEqual(['volume.attach.start']);
    const [names] = world.locked;
    expect(names).toEqual([...attachmentLocks(VOLUME), lockNames.driverVolume('nfs', VOLUME)]);
  });

  it('keeps the mode that the attachment was reserved with', async () => {
    await start({ ...reserved, attach_mode: 'rw' });
    await update();
    expect([row()?.attach_mode, JSON.parse(row()?.connector ?? '')]).toEqual(['rw', { ...connector, mode: 'rw' }]);
  });

  it('has words for a connector that says little', async () => {
    await start();
    await update({});
    expect(row()).toMatchObject({ attached_host: '', mountpoint: 'na', attach_mode: 'rw', connector: '{}' });
  });

  it('answers the same again, also when the API has completed it since', async () => {
    await start();
    const first = await update();
    const volume = world.tables.volumes[VOLUME];
    Object.assign(row() ?? {}, { attach_status: 'attached' });
    Object.assign(volume ?? {}, { status: 'in-use', attach_status: 'attached' });
    expect(await update()).toEqual(first);
    expect([...state(), world.world.events().length]).toEqual(['in-use', 'attached', 1]);
  });

  it('writes once where the answer to the commit got lost', async () => {
    await start();
    await update();
    await start();
    world.loseNextAnswer();
    await update();
    expect([state(), world.world.events()]).toEqual([['attaching', 'attaching'], ['volume.attach.start']]);
  });

  it('writes nothing where the driver fails, or the attachment is gone or of another volume', async () => {
    await start();
    world.world.driver.fails.set('connect', new CinderError('NfsException', {}));
    await expect(update()).rejects.toMatchObject({ exception: 'VolumeBackendAPIException' });
    expect(state()).toEqual(['reserved', 'reserved']);
    await start({ ...reserved, volume_id: ATTACHMENT_2 });
    await expect(update()).rejects.toMatchObject({ exception: 'VolumeAttachmentNotFound', httpCode: 404 });
    await expect(update(connector, ATTACHMENT_2)).rejects.toMatchObject({ exception: 'VolumeAttachmentNotFound' });
  });

  it('says that the driver is not ready, to the user as well', async () => {
    await start(reserved, { ready: false });
    await expect(update()).rejects.toMatchObject({ exception: 'DriverNotInitialized' });
    expect(state()).toEqual(['reserved', 'error_attaching']);
    expect(world.tables.messages).toEqual([expect.objectContaining({ action_id: '004', detail_id: '002' })]);
  });
});

describe('attachment_delete', () => {
  const attached = { connector: JSON.stringify(connector) };

  it('takes back what the host got, and then what all got; the row is left to the API', async () => {
    await start(attached);
    expect(await remove()).toBeNull();
    expect(world.world.driver.calls).toEqual([`disconnect ${VOLUME}`, `unexport ${VOLUME}`]);
    expect([row()?.attach_status, world.world.events()]).toEqual(['attached', ['volume.detach.start']]);
  });

  it('keeps what another attachment of the host needs', async () => {
    await start(attached);
    world.world.driver.shared = true;
    await remove();
    expect(world.world.driver.calls).toEqual([`disconnect ${VOLUME}`]);
  });

  it('asks no driver about an attachment that never had a host', async () => {
    for (const none of [null, '', '{}']) {
      await start({ connector: none });
      await remove();
      expect(world.world.driver.calls).toEqual([]);
    }
  });

  it('fails where the host stays connected, and not where only the export stays', async () => {
    await start(attached);
    world.world.driver.fails.set('unexport', new CinderError('NfsException', {}));
    expect(await remove()).toBeNull();
    world.world.driver.fails.set('disconnect', new CinderError('NfsException', {}));
    await expect(remove()).rejects.toMatchObject({ exception: 'VolumeBackendAPIException' });
  });
});
