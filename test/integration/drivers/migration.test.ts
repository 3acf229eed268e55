import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Volume } from '../../../src/domain/rows.ts';
import type { DriverWork } from '../../../src/drivers/volume-driver.ts';
import { leaveOut } from '../../support/programs.ts';
import { FolderBackend } from './folder-backend.ts';

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('a volume that arrives from another backend', () => {
  let backend: FolderBackend;
  beforeAll(async () => {
    backend = await FolderBackend.start({ nfsQcow2Volumes: true });
  });
  afterAll(() => backend.stop());

  /** As the rows note it: the source's format, and the target's. */
  const noting = (formats: Readonly<Record<string, string>>): Partial<DriverWork> => ({
    adminMetadataOf: (id) => Promise.resolve(formats[id] === undefined ? {} : { format: formats[id] }),
  });

  const targetOf = (volume: Volume): Promise<Volume> =>
    backend.available({ migration_status: `target:${volume.id}`, provider_location: backend.location });

  it('gets a file of the format that it had, whatever new volumes get, because peers copy its bytes', async () => {
    const volume = backend.volume({ provider_location: 'elsewhere:/share' });
    const target = backend.volume({ migration_status: `target:${volume.id}` });
    const work = backend.work(noting({ [volume.id]: 'raw' }));
    expect(await backend.driver.create(target, work)).toEqual({ adminMetadata: { format: 'raw' } });
    expect(await backend.driver.create(backend.volume(), work)).toEqual({ adminMetadata: { format: 'qcow2' } });
    backend.write(target, 0, 65536, 3);
    const renamed = await backend.driver.migration.arrive({ volume, target, rename: true }, work);
    expect(renamed).toEqual({ nameId: volume.id, update: { adminMetadata: { format: 'raw' } } });
    backend.expectBytes(`volume-${volume.id}`, 'raw', 0, 65536, 3);
  });

  it('keeps the name that it came under where its own is taken, or a host may have it open', async () => {
    const other = await backend.available();
    const target = await targetOf(other);
    for (const rename of [true, false]) {
      const { nameId } = await backend.driver.migration.arrive({ volume: other, target, rename }, backend.work());
      expect(nameId).toBe(target.id);
    }
    expect(backend.files()).toEqual(expect.arrayContaining([`volume-${other.id}`, `volume-${target.id}`]));
  });

  it('is missed where neither name is there', async () => {
    const target = backend.volume({ status: 'available' });
    const arrival = backend.driver.migration.arrive({ volume: backend.volume(), target, rename: true }, backend.work());
    await expect(arrival).rejects.toThrow('is missing');
  });
});

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('a volume that is copied to another share', () => {
  let backend: FolderBackend;
  let otherDir: string;
  let otherLocation: string;
  let other: FolderBackend;
  beforeAll(async () => {
    other = await FolderBackend.start();
    otherDir = other.dir;
    otherLocation = other.location;
    const own = join(otherDir, '..', 'own');
    mkdirSync(own);
    const list = join(otherDir, '..', 'shares');
    writeFileSync(list, `test:${own}\n${otherLocation}\n`);
    backend = await FolderBackend.on(own, { nasHost: '', nfsSharesConfig: list });
  });
  afterAll(async () => {
    await backend.driver.stop({ force: new AbortController().signal });
    await other.stop();
  });

  const noting = (format: string): Partial<DriverWork> => ({ adminMetadataOf: () => Promise.resolve({ format }) });

  /** As the other service has made it, and as it says how to reach it. */
  async function passage(volume: Volume, format: 'raw' | 'qcow2', says: JsonObject = {}) {
    const target = other.volume({ migration_status: `target:${volume.id}` });
    await other.driver.create(target, other.work(noting(format)));
    const data = { export: otherLocation, name: `volume-${target.id}`, format, options: null, ...says };
    return { volume, target: { ...target, status: 'available' }, connection: { driver_volume_type: 'nfs', data } };
  }

  it.each(['raw', 'qcow2'] as const)('shows there what it shows here, in a file of format %s', async (format) => {
    const volume = await backend.available();
    backend.write(volume, 0, 65536, 1);
    const snapshot = await backend.snapshot(volume);
    backend.write(volume, 2 ** 29, 65536, 2);
    // An overlay without a snapshot, as a Python service leaves it where a server was running.
    backend.rows.delete(snapshot.id);
    const way = await passage(volume, format);
    for (const _once of [1, 2]) await backend.driver.migration.copy(way, false, backend.work());
    const file = `volume-${way.target.id}`;
    other.expectBytes(file, format, 0, 65536, 1);
    other.expectBytes(file, format, 2 ** 29, 65536, 2);
    other.expectBytes(file, format, 2 ** 30 - 65536, 65536, 0);
    expect(statSync(other.path(file)).blocks * 512).toBeLessThan(2 ** 24);
    expect([other.temps(), backend.temps()]).toEqual([[], []]);
    expect(await backend.driver.migration.isRenamed(way, backend.work())).toBe(false);
    await other.driver.migration.arrive({ volume, target: way.target, rename: true }, other.work(noting(format)));
    expect(await backend.driver.migration.isRenamed(way, backend.work())).toBe(true);
    backend.write(volume, 0, 65536, 9);
    await backend.driver.migration.copy(way, true, backend.work());
    other.expectBytes(`volume-${volume.id}`, format, 0, 65536, 9);
    expect(other.files()).not.toContain(file);
  });

  it('is copied again where somebody who looks at the target, asked late, has removed the unfinished copy', async () => {
    const volume = await backend.available();
    backend.write(volume, 0, 65536, 7);
    const way = await passage(volume, 'raw');
    const target = { ...way.target, provider_location: otherLocation };
    const late = backend.work({
      commitPoint: async () => {
        await other.driver.connection?.connect(target, {}, other.work(noting('raw')));
      },
    });
    await expect(backend.driver.migration.copy(way, false, late)).rejects.toMatchObject({ outcome: 'unknown' });
    await backend.driver.migration.copy(way, false, backend.work());
    other.expectBytes(`volume-${way.target.id}`, 'raw', 0, 65536, 7);
    expect([other.temps(), backend.temps()]).toEqual([[], []]);
  });

  it.each([
    ['is no share', { export: '/etc' }, '"/etc" is no share'],
    ['would be an option of mount', { export: '-oexec:/x' }, 'is no share'],
    ['names another file', { name: 'volume-x' }, 'the target\'s file is "volume-x"'],
    ['has an unknown format', { format: 'vmdk' }, 'the target\'s format is "vmdk"'],
  ])('is not written where the other service %s', async (_what, says, why) => {
    const way = await passage(await backend.available(), 'raw', says);
    const copying = backend.driver.migration.copy(way, false, backend.work());
    await expect(copying).rejects.toMatchObject({ exception: 'VolumeMigrationFailed', outcome: 'not-started' });
    await expect(copying).rejects.toThrow(why);
  });

  it('is refused up front while its files hold a snapshot that was let go of', async () => {
    const volume = await backend.available();
    const snapshot = await backend.snapshot(volume);
    const requireNone = (): Promise<void> => backend.driver.migration.requireNoSnapshots(volume, backend.work());
    backend.rows.delete(snapshot.id);
    await expect(requireNone()).rejects.toMatchObject({ exception: 'InvalidVolume', outcome: 'not-started' });
    await expect(requireNone()).rejects.toThrow(snapshot.id);
    await backend.removeSnapshot(snapshot, volume);
    await requireNone();
  });

  it('goes to no other kind of backend, and not while it is attached', async () => {
    const way = await passage(await backend.available(), 'raw');
    const iscsi = { ...way, connection: { driver_volume_type: 'iscsi', data: {} } };
    await expect(backend.driver.migration.copy(iscsi, false, backend.work())).rejects.toThrow('reached by "iscsi"');
    const attached = { ...way, volume: { ...way.volume, attach_status: 'attached' } };
    await expect(backend.driver.migration.copy(attached, false, backend.work())).rejects.toThrow('attached');
  });
});
