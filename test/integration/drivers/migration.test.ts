import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
