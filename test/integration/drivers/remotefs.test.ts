import { statSync, writeFileSync, existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leaveOut } from '../../support/programs.ts';
import { FolderBackend } from './folder-backend.ts';
import { longTestMs } from './helper-machine.ts';

const gib = 1024 ** 3;

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('a RemoteFS driver on a folder', () => {
  let backend: FolderBackend;
  beforeAll(async () => {
    backend = await FolderBackend.start();
  });
  afterAll(() => backend.stop());

  it('makes a sparse volume of exactly its size, for everybody, and again without effect', async () => {
    const volume = backend.volume({ size: 2 });
    await expect(backend.driver.create(volume, backend.work())).resolves.toEqual({ adminMetadata: { format: 'raw' } });
    await backend.driver.create(volume, backend.work());
    const stat = statSync(backend.path(`volume-${volume.id}`));
    expect([stat.size, stat.blocks, stat.mode & 0o777, stat.nlink]).toEqual([2 * gib, 0, 0o666, 1]);
    expect(backend.temps()).toEqual([]);
  });

  it('replaces what an interrupted creation left, but never the file of a volume that was available', async () => {
    const volume = backend.volume();
    writeFileSync(backend.path(`volume-${volume.id}`), 'torn');
    await expect(backend.driver.create({ ...volume, status: 'available' }, backend.work())).rejects.toThrow(
      'another size',
    );
    await backend.driver.create(volume, backend.work());
    expect(statSync(backend.path(`volume-${volume.id}`)).size).toBe(gib);
  });

  it(
    'keeps every snapshot as it was, whatever is written later, and in whatever order they are deleted',
    async () => {
      for (const order of [
        [0, 1, 2],
        [2, 1, 0],
        [1, 0, 2],
        [1, 2, 0],
        [0, 2, 1],
        [2, 0, 1],
      ]) {
        const volume = await backend.available();
        const snapshots = [];
        for (const byte of [1, 2, 3]) {
          backend.write(volume, 0, 65536, byte);
          backend.write(volume, gib - 65536, 65536, byte);
          snapshots.push(await backend.snapshot(volume));
        }
        backend.write(volume, 0, 65536, 4);
        const left = new Set([0, 1, 2]);
        for (const index of order) {
          const doomed = snapshots[index];
          if (doomed === undefined) throw new Error('no snapshot');
          await backend.removeSnapshot(doomed, volume);
          left.delete(index);
          for (const kept of left) await expectContent(backend, volume, snapshots[kept]?.id ?? '', kept + 1);
          backend.expectBytes(backend.active(volume), left.size > 0 ? 'qcow2' : 'raw', 0, 65536, 4);
          backend.expectBytes(backend.active(volume), left.size > 0 ? 'qcow2' : 'raw', gib - 65536, 65536, 3);
        }
        expect(backend.info(volume)).toEqual({ active: `volume-${volume.id}` });
        await backend.driver.remove(volume, backend.work());
        expect(backend.files().filter((name) => name.includes(volume.id))).toEqual([]);
      }
    },
    longTestMs,
  );

  it('gives back what an interrupted merge has reserved in vain, where it carries that on', async () => {
    const volume = await backend.available();
    const lower = await backend.snapshot(volume);
    const into = backend.active(volume);
    backend.write(volume, 0, 65536, 1);
    const doomed = await backend.snapshot(volume);
    backend.write(volume, 65536, 65536, 2);
    backend.leak(into);
    await backend.removeSnapshot(doomed, volume, backend.work({ isContinued: true }));
    expect(backend.leaks(into)).toBe(0);
    backend.expectBytes(into, 'qcow2', 0, 65536, 1);
    backend.expectBytes(into, 'qcow2', 65536, 65536, 2);
    await backend.removeSnapshot(lower, volume, backend.work({ isContinued: true }));
    backend.expectBytes(`volume-${volume.id}`, 'raw', 65536, 65536, 2);
  });

  it('puts a snapshot in the place of what a volume holds, unless that has snapshots of its own', async () => {
    const volume = await backend.available();
    backend.write(volume, 0, 65536, 1);
    const snapshot = await backend.snapshot(volume);
    backend.write(volume, 0, 65536, 2);
    const target = await backend.available({ size: 2 });
    backend.write(target, 0, 65536, 3);
    backend.write(target, 2 ** 30, 65536, 4);
    const downloading = { ...target, status: 'downloading' };
    const source = { kind: 'snapshot', snapshot, volume } as const;
    for (const _once of [1, 2]) await backend.driver.clone.create(downloading, source, backend.work());
    backend.expectBytes(`volume-${target.id}`, 'raw', 0, 65536, 1);
    backend.expectBytes(`volume-${target.id}`, 'raw', 2 ** 30, 65536, 0);
    await backend.snapshot(target);
    const again = backend.driver.clone.create(downloading, source, backend.work());
    await expect(again).rejects.toMatchObject({ exception: 'VolumeDriverException', outcome: 'not-started' });
    expect(backend.temps()).toEqual([]);
  });

  it('clones a volume and a snapshot, at their own sizes', async () => {
    const volume = await backend.available();
    backend.write(volume, gib - 512, 512, 7);
    const snapshot = await backend.snapshot(volume);
    backend.write(volume, gib - 512, 512, 8);
    const fromSnapshot = backend.volume({ size: 2 });
    await backend.driver.clone.create(fromSnapshot, { kind: 'snapshot', snapshot, volume }, backend.work());
    const fromVolume = backend.volume();
    await backend.driver.clone.create(fromVolume, { kind: 'volume', volume }, backend.work());
    backend.expectBytes(`volume-${fromSnapshot.id}`, 'raw', gib - 512, 512, 7);
    backend.expectBytes(`volume-${fromSnapshot.id}`, 'raw', 2 * gib - 65536, 65536, 0);
    backend.expectBytes(`volume-${fromVolume.id}`, 'raw', gib - 512, 512, 8);
    expect(statSync(backend.path(`volume-${fromSnapshot.id}`)).size).toBe(2 * gib);
    expect(statSync(backend.path(`volume-${fromVolume.id}`)).size).toBe(gib);
    const small = backend.volume();
    const large = { ...fromSnapshot, status: 'available' };
    await expect(backend.driver.clone.create(small, { kind: 'volume', volume: large }, backend.work())).rejects.toThrow(
      'its source',
    );
    expect(existsSync(backend.path(`volume-${small.id}`))).toBe(false);
  });

  it('deletes a volume with its whole chain', async () => {
    const volume = await backend.available();
    for (let n = 0; n < 3; n++) await backend.snapshot(volume);
    await backend.driver.remove(volume, backend.work());
    await backend.driver.remove(volume, backend.work());
    expect(backend.files().filter((name) => name.includes(volume.id))).toEqual([]);
    expect(backend.temps()).toEqual([]);
  });

  it('reports room and promises as the scheduler reads them', async () => {
    const stats = await backend.driver.stats(backend.work(), new Map([[backend.location, 5]]));
    expect(stats.capabilities).toMatchObject({
      storage_protocol: 'nfs',
      provisioned_capacity_gb: 5,
      QoS_support: false,
    });
    expect(stats.shares[0]?.capacity?.totalGb).toBeGreaterThan(1);
    const placement = { volume: backend.volume(), sizeGb: 1, provisioned: new Map<string, number>() };
    await expect(backend.driver.place(placement, backend.work())).resolves.toEqual({
      provider_location: backend.location,
    });
  });
});

async function expectContent(
  backend: FolderBackend,
  volume: Parameters<FolderBackend['write']>[0],
  snapshotId: string,
  byte: number,
): Promise<void> {
  const snapshot = backend.rows.get(snapshotId);
  if (snapshot === undefined) throw new Error('no row');
  const copy = backend.volume();
  await backend.driver.clone.create(copy, { kind: 'snapshot', snapshot, volume }, backend.work());
  backend.expectBytes(`volume-${copy.id}`, 'raw', 0, 65536, byte);
  backend.expectBytes(`volume-${copy.id}`, 'raw', gib - 65536, 65536, byte);
  await backend.driver.remove(copy, backend.work());
}
