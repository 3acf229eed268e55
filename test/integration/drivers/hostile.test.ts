import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Volume } from '../../../src/domain/rows.ts';
import { eventually } from '../../support/poll.ts';
import { leaveOut } from '../../support/programs.ts';
import { FolderBackend } from './folder-backend.ts';
import { openImage } from './helper-machine.ts';

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('images that a guest or a stranger has prepared', () => {
  let backend: FolderBackend;
  beforeAll(async () => {
    backend = await FolderBackend.start();
  });
  afterAll(() => backend.stop());
  const writeBeginning = (volume: Volume, bytes: string): void =>
    writeFileSync(backend.path(`volume-${volume.id}`), bytes, { encoding: 'latin1', flag: 'r+' });

  it('takes a raw volume for raw where the database says so, and for a danger where nobody does', async () => {
    const volume = await backend.available();
    backend.writeQcow2Header(volume);
    const target = backend.volume();
    const clone = (hooks: object): Promise<unknown> =>
      backend.driver.clone.create(target, { kind: 'volume', volume }, backend.work(hooks));
    await expect(clone({})).rejects.toThrow('qcow2 header that its user wrote');
    await clone({ adminMetadataOf: () => Promise.resolve({ format: 'raw' }) });
    backend.expectBytes(`volume-${target.id}`, 'raw', 4096, 65536, 0);
    backend.expectBytes(`volume-${target.id}`, 'raw', 0, 1, 0x51);
  });

  it.each([
    ['nothing more', ''],
    ['an unknown version', '\0\0\0\x63'.padEnd(100, '\x01')],
    ['a backing file beyond what is read', '\0\0\0\x02'.padEnd(100, '\x01')],
  ])('lets a guest write the beginning of a qcow2 header into a raw volume, with %s after it', async (_, rest) => {
    const volume = await backend.available();
    writeBeginning(volume, `QFI\xfb${rest}`);
    const work = backend.work({ adminMetadataOf: () => Promise.resolve({ format: 'raw' }) });
    const { info } = await backend.driver.connection.connect(volume, {}, work);
    expect(info.data).toMatchObject({ name: `volume-${volume.id}`, format: 'raw' });
    await backend.driver.snapshots.create(backend.snapshotRow(volume), volume, work);
    const target = backend.volume();
    await backend.driver.clone.create(target, { kind: 'volume', volume }, work);
    backend.expectBytes(`volume-${target.id}`, 'raw', 0, 1, 0x51);
    const unknown = backend.available().then(async (another) => {
      writeBeginning(another, `QFI\xfb${rest}`);
      return backend.driver.connection.connect(another, {}, backend.work());
    });
    await expect(unknown).rejects.toThrow('qcow2 header that its user wrote');
    await backend.driver.remove(volume, work);
    expect(backend.files().filter((name) => name.startsWith(`volume-${volume.id}`))).toEqual([]);
  });

  it('deletes a volume with an overlay whose header is torn, and does nothing else with it', async () => {
    const volume = await backend.available();
    const snapshot = await backend.snapshot(volume);
    writeFileSync(backend.path(`volume-${volume.id}.${snapshot.id}`), 'QFI\xfb', 'latin1');
    await expect(backend.removeSnapshot(snapshot, volume)).rejects.toThrow('corrupt');
    await backend.driver.remove(volume, backend.work());
    expect(backend.files().filter((name) => name.startsWith(`volume-${volume.id}`))).toEqual([]);
  });

  it('believes the overlay about the raw image below it', async () => {
    const volume = await backend.available();
    const snapshot = await backend.snapshot(volume);
    backend.writeQcow2Header(volume);
    await backend.removeSnapshot(snapshot, volume);
    expect(backend.info(volume)).toEqual({ active: `volume-${volume.id}` });
  });

  it('refuses an overlay that stands on a file of somebody else, or keeps its data elsewhere', async () => {
    for (const options of [
      ['-u', '-b', '/etc/passwd', '-F', 'raw'],
      ['-o', `data_file=${backend.path('elsewhere')}`],
    ]) {
      const volume = await backend.available();
      const snapshot = await backend.snapshot(volume);
      const overlay = backend.path(`volume-${volume.id}.${snapshot.id}`);
      execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...options, overlay, '1G']);
      await expect(backend.removeSnapshot(snapshot, volume)).rejects.toThrow(/invalid backing file|another file/);
      const target = backend.volume();
      const clone = backend.driver.clone.create(target, { kind: 'volume', volume }, backend.work());
      await expect(clone).rejects.toThrow(/invalid backing file|another file/);
    }
  });

  it('waits while somebody has the image open', async () => {
    const volume = await backend.available();
    const holder = await openImage('raw', backend.path(`volume-${volume.id}`));
    let done = false;
    const waits: string[] = [];
    const log = { info: (_: object, message: string) => void waits.push(message), warn: () => undefined };
    const row = backend.snapshotRow(volume);
    const made = backend.driver.snapshots.create(row, volume, backend.work({ log })).then(() => (done = true));
    await eventually(() => waits.length > 0, { timeoutMs: 60_000 });
    expect(done).toBe(false);
    holder.close();
    await made;
    expect(backend.active(volume)).toContain(row.id);
  });

  it('refuses to change the chain of an attached volume', async () => {
    const volume = { ...(await backend.available()), status: 'in-use', attach_status: 'attached' };
    const row = backend.snapshotRow(volume);
    await expect(backend.driver.snapshots.create(row, volume, backend.work())).rejects.toMatchObject({
      exception: 'VolumeDriverException',
      outcome: 'not-started',
    });
  });
});
