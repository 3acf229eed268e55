import { truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Volume } from '../../../src/domain/rows.ts';
import type { DriverWork } from '../../../src/drivers/volume-driver.ts';
import { leaveOut } from '../../support/programs.ts';
import { FolderBackend, defaults } from './folder-backend.ts';

const gib = 1024 ** 3;
const connector = { host: 'compute' };

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('connecting to a RemoteFS volume', () => {
  let backend: FolderBackend;
  beforeAll(async () => {
    backend = await FolderBackend.start();
  });
  afterAll(() => backend.stop());

  const connect = (volume: Volume, hooks: Partial<DriverWork> = {}) =>
    backend.driver.connection.connect(volume, connector, backend.work(hooks));
  const noted = (metadata: Record<string, string>): Partial<DriverWork> => ({
    adminMetadataOf: () => Promise.resolve(metadata),
  });

  it('names the share, the file and its format, and notes a format that nobody knew', async () => {
    const volume = await backend.available();
    const { info, update } = await connect(volume);
    expect(info).toEqual({
      driver_volume_type: 'nfs',
      data: { export: backend.location, name: `volume-${volume.id}`, options: null, format: 'raw' },
      mount_point_base: defaults.nfsMountPointBase,
    });
    expect(update).toEqual({ adminMetadata: { format: 'raw' } });
    expect((await connect(volume, noted({ format: 'raw' }))).update).toEqual({});
    expect(await backend.driver.connection.disconnect(volume, connector, backend.work())).toBe(false);
  });

  it('names the newest overlay, and goes back to the base with the last snapshot', async () => {
    const volume = await backend.available();
    const snapshot = await backend.snapshot(volume);
    const { info, update } = await connect(volume);
    expect(info.data).toMatchObject({ name: `volume-${volume.id}.${snapshot.id}`, format: 'qcow2' });
    expect(update).toEqual({});
    await backend.removeSnapshot(snapshot, volume);
    expect((await connect(volume)).info.data).toMatchObject({ name: `volume-${volume.id}`, format: 'raw' });
  });

  it('believes no header that a guest wrote into a raw volume', async () => {
    const volume = await backend.available();
    backend.writeQcow2Header(volume);
    expect((await connect(volume, noted({ format: 'raw' }))).info.data).toMatchObject({ format: 'raw' });
    await expect(connect(volume)).rejects.toThrow('may be a raw image');
  });

  it('hands out no image that is larger than its volume, and none without its snapshots', async () => {
    const volume = await backend.available();
    truncateSync(backend.path(`volume-${volume.id}`), 2 * gib);
    await expect(connect(volume)).rejects.toMatchObject({ exception: 'InvalidVolume' });
    const other = await backend.available();
    await backend.snapshot(other);
    unlinkSync(backend.path(`volume-${other.id}.info`));
    await expect(connect(other)).rejects.toThrow('.info is missing');
    writeFileSync(backend.path(`volume-${other.id}.info`), JSON.stringify({ active: '../etc/passwd' }));
    await expect(connect(other)).rejects.toThrow();
  });
});
