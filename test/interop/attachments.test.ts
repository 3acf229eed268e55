import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/domain/json.ts';
import type { Volume } from '../../src/domain/rows.ts';
import { one } from '../contract/db/fixture.ts';
import { eventually } from '../support/poll.ts';
import { leaveOutPython } from '../support/programs.ts';
import { startService, type RunningService } from './running-service.ts';

/* The calls of Nova, cinder-api and cinder-backup, each made by Cinder's own client. */

const placed = { host: 'ctl@folder#folder', cluster_name: 'aa@folder#folder', availability_zone: 'nova' };
const connector = { host: 'compute', ip: '127.0.0.1', multipath: false };

describe.skipIf(leaveOutPython('cinder', 'psycopg2'))('what asks for volumes by calls', () => {
  let service: RunningService;
  beforeAll(async () => {
    service = await startService();
  }, 180_000);
  afterAll(() => service.stop(), 30_000);

  const call = (method: string, ...args: Parameters<RunningService['client']['call']>[1] & object) =>
    service.client.call(method, args);
  const row = async (id: string): Promise<Volume> => {
    const volume = await service.fixture.db.volumes.get(id);
    if (volume === null) throw new Error(`no volume ${id}`);
    return volume;
  };

  async function madeVolume(): Promise<string> {
    const id = randomUUID();
    const owner = { size: 1, project_id: 'project', user_id: 'user' };
    await service.fixture.db.volumes.create({ id, status: 'creating', ...owner, ...placed });
    await call('create_volume', { Volume: id }, { RequestSpec: {} }, {});
    await eventually(async () => (await row(id)).status === 'available');
    return id;
  }

  it('attaches and detaches as before attachments had an API of their own', async () => {
    const { db } = service.fixture;
    const id = await madeVolume();
    const volume = { Volume: id };
    const info = (await call('initialize_connection', volume, connector)) as { data: JsonObject };
    expect(info).toMatchObject({ driver_volume_type: 'nfs', data: { name: `volume-${id}`, format: 'raw' } });
    await db.volumes.update(id, { status: 'attaching' });
    const server = randomUUID();
    const attachment = (await call('attach_volume', volume, server, 'compute', '/dev/vdb', 'rw')) as JsonObject;
    const { id: attachmentId } = attachment['versioned_object.data'] as { id: string };
    expect(attachment).toMatchObject({
      'versioned_object.name': 'VolumeAttachment',
      'versioned_object.data': { attach_status: 'attached', instance_uuid: server, attached_host: 'compute' },
    });
    expect(await row(id)).toMatchObject({ status: 'in-use', attach_status: 'attached' });
    expect(await call('terminate_connection', volume, connector, false)).toBeNull();
    await call('detach_volume', volume, attachmentId);
    expect(await row(id)).toMatchObject({ status: 'available', attach_status: 'detached' });
    expect(await call('remove_export', volume, true)).toBeNull();
    expect(await call('detach_volume', volume, attachmentId)).toBeNull();
  });

  it('gives an attachment its host and takes it back', async () => {
    const { db } = service.fixture;
    const id = await madeVolume();
    const attachment = randomUUID();
    await db.attachments.create({ id: attachment, volume_id: id, attach_status: 'reserved', attach_mode: 'null' });
    await db.volumes.update(id, { status: 'reserved', attach_status: 'reserved' });
    const info = await call('attachment_update', { Volume: id }, connector, attachment);
    expect(info).toMatchObject({
      attachment_id: attachment,
      name: `volume-${id}`,
      access_mode: 'rw',
      encrypted: false,
    });
    expect(await row(id)).toMatchObject({ status: 'attaching', attach_status: 'attaching' });
    const noted = await db.attachments.get(attachment);
    expect(JSON.parse(noted?.connector ?? '')).toEqual(connector);
    expect(await call('attachment_delete', attachment, { Volume: id })).toBeNull();
    const unknown = call('attachment_update', { Volume: id }, connector, randomUUID());
    await expect(unknown).rejects.toThrow('VolumeAttachmentNotFound');
  });

  it('answers what a driver of files has to say about snapshots, owners and permissions', async () => {
    const id = await madeVolume();
    const snapshot = randomUUID();
    await service.fixture.db.snapshots.create({ id: snapshot, volume_id: id, status: 'available', volume_size: 1 });
    const ofSnapshot = { Snapshot: snapshot };
    await expect(call('initialize_connection_snapshot', ofSnapshot, connector)).rejects.toThrow(
      'NotSupportedOperation',
    );
    expect(await call('terminate_connection_snapshot', ofSnapshot, connector)).toBeNull();
    expect(await call('remove_export_snapshot', ofSnapshot, true)).toBeNull();
    expect(await call('accept_transfer', { Volume: id }, 'user-2', 'project-2')).toBeNull();
    expect(typeof (await call('secure_file_operations_enabled', { Volume: id }))).toBe('boolean');
  });

  it('gives the backup service a copy of a snapshot', async () => {
    const { fixture } = service;
    const { db } = fixture;
    const id = await madeVolume();
    const [snapshot, backup] = [randomUUID(), randomUUID()];
    const owner = { project_id: 'project', user_id: 'user', volume_size: 1 };
    await db.snapshots.create({ id: snapshot, volume_id: id, status: 'creating', ...owner });
    await call('create_snapshot', { Volume: id }, { Snapshot: snapshot });
    await eventually(async () => (await db.snapshots.get(snapshot))?.status === 'available');
    await db.snapshots.update(snapshot, { status: 'backing-up' });
    await fixture.sql(
      `insert into backups (id, volume_id, snapshot_id, host, status, deleted, project_id, user_id, created_at)
       values ($1, $2, $3, 'nobody', 'creating', false, 'project', 'user', now())`,
      [backup, id, snapshot],
    );
    await call('get_backup_device', { Backup: backup }, { Volume: id });
    const outcome = async (): Promise<unknown> =>
      one(await fixture.sql("select outcome, detail from aa_journal where method = 'get_backup_device'"))['outcome'];
    await eventually(async () => (await outcome()) === 'done');
    const copy = (await db.backups.get(backup))?.temp_volume_id ?? '';
    expect(await row(copy)).toMatchObject({ status: 'backing-up', use_quota: false });
    expect(existsSync(join(service.share, `volume-${copy}`))).toBe(true);
    await call('delete_volume', { Volume: copy });
    await eventually(async () => (await db.volumes.get(copy)) === null);
  });
});
