import { randomUUID } from 'node:crypto';
import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../src/domain/json.ts';
import { ImageServer, serviceUserConf } from '../support/image-server.ts';
import { eventually } from '../support/poll.ts';
import { leaveOutPython } from '../support/programs.ts';
import { makeTempDir, removeDir } from '../support/temp-dir.ts';
import { startService, type RunningService } from './running-service.ts';

/* What changes a volume's content or size, as the API asks for it. */

const placed = { host: 'ctl@folder#folder', cluster_name: 'aa@folder#folder', availability_zone: 'nova' };
const owner = { project_id: 'project', user_id: 'user' };

const withImages = (url: string): string => `
[DEFAULT]
glance_api_servers = ${url}

${serviceUserConf(url)}`;

describe.skipIf(leaveOutPython('cinder', 'psycopg2'))("a volume's content", () => {
  let service: RunningService;
  let images: ImageServer;
  let imageDir: string;
  beforeAll(async () => {
    imageDir = await makeTempDir();
    images = await ImageServer.start(imageDir);
    service = await startService(withImages(images.url));
  }, 180_000);
  afterAll(async () => {
    await service.stop();
    await images.stop();
    await removeDir(imageDir);
  }, 30_000);

  const call = (method: string, ...args: readonly Json[]): Promise<Json> => service.client.call(method, args);

  async function becomes(id: string, status: string): Promise<void> {
    await eventually(async () => (await service.fixture.db.volumes.get(id))?.status === status, {
      timeoutMs: 60_000,
      what: status,
    });
  }

  async function created(): Promise<{ readonly id: string; readonly file: string }> {
    const id = randomUUID();
    await service.fixture.db.volumes.create({ id, status: 'creating', size: 1, ...owner, ...placed });
    await call('create_volume', { Volume: id }, null, null);
    await becomes(id, 'available');
    return { id, file: join(service.share, `volume-${id}`) };
  }

  it('is made larger', async () => {
    const { id, file } = await created();
    await service.fixture.db.volumes.update(id, { status: 'extending', previous_status: 'available' });
    await call('extend_volume', { Volume: id }, 2, []);
    await becomes(id, 'available');
    expect((await service.fixture.db.volumes.get(id))?.size).toBe(2);
    expect((await stat(file)).size).toBe(2 * 1024 ** 3);
  });

  it('is made larger for a server, when its host has said that it saw it', async () => {
    const { id } = await created();
    await service.fixture.db.volumes.update(id, { status: 'extending', previous_status: 'in-use' });
    const kwargs = { volume: { Volume: id }, new_size: 2, reservations: [], error: false };
    await service.client.cast('extend_volume_completion', 'ctl@folder', kwargs);
    await eventually(async () => (await service.fixture.db.volumes.get(id))?.status !== 'extending');
  });

  it('goes back to its snapshot', async () => {
    const { id, file } = await created();
    await writeFile(file, 'before');
    await truncate(file, 1024 ** 3);
    const snapshot = randomUUID();
    await service.fixture.db.snapshots.create({
      id: snapshot,
      volume_id: id,
      volume_size: 1,
      status: 'creating',
      ...owner,
    });
    await call('create_snapshot', { Volume: id }, { Snapshot: snapshot });
    await eventually(async () => (await service.fixture.db.snapshots.get(snapshot))?.status === 'available');
    await service.fixture.db.volumes.update(id, { status: 'reverting' });
    await service.fixture.db.snapshots.update(snapshot, { status: 'restoring' });
    await call('revert_to_snapshot', { Volume: id }, { Snapshot: snapshot });
    await becomes(id, 'available');
    await eventually(async () => (await service.fixture.db.snapshots.get(snapshot))?.status === 'available');
  });

  // A GiB is read, hashed and written several times.
  it('goes into an image, and comes from one', { timeout: 120_000 }, async () => {
    const { id, file } = await created();
    await writeFile(file, 'for an image');
    await truncate(file, 1024 ** 3);
    const image = randomUUID();
    images.add(image, 'queued', 'raw');
    await service.fixture.db.volumes.update(id, { status: 'uploading', previous_status: 'available' });
    await call('copy_volume_to_image', { Volume: id }, { id: image, disk_format: 'raw', container_format: 'bare' });
    await becomes(id, 'available');
    expect(images.statusOf(image)).toBe('active');

    const other = await created();
    await service.fixture.db.volumes.update(other.id, { status: 'downloading', previous_status: 'available' });
    await call('reimage', { Volume: other.id }, { id: image });
    await becomes(other.id, 'available');
    expect((await readFile(other.file)).subarray(0, 12).toString()).toBe('for an image');
  });
});
