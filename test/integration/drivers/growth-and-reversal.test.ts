import { truncateSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leaveOut } from '../../support/programs.ts';
import { FolderBackend } from './folder-backend.ts';

const gib = 1024 ** 3;

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('extending volumes', () => {
  let backend: FolderBackend;
  beforeAll(async () => {
    backend = await FolderBackend.start();
  });
  afterAll(() => backend.stop());

  it('adds zeros at the end, and once more nothing', async () => {
    const volume = await backend.available();
    backend.write(volume, gib - 65536, 65536, 5);
    await backend.extend(volume, 3);
    await backend.extend(volume, 3);
    expect(backend.virtualBytes(volume)).toBe(3 * gib);
    backend.expectBytes(`volume-${volume.id}`, 'raw', gib - 65536, 65536, 5);
    backend.expectBytes(`volume-${volume.id}`, 'raw', gib, 65536, 0);
    backend.expectBytes(`volume-${volume.id}`, 'raw', 3 * gib - 65536, 65536, 0);
  });

  it('makes whole what a restore left shorter than its row says', async () => {
    const volume = await backend.available();
    backend.write(volume, 0, 65536, 5);
    truncateSync(backend.path(`volume-${volume.id}`), 120 * 1024 ** 2);
    await backend.extend(volume, 2);
    expect(backend.virtualBytes(volume)).toBe(2 * gib);
    backend.expectBytes(`volume-${volume.id}`, 'raw', 0, 65536, 5);
    backend.expectBytes(`volume-${volume.id}`, 'raw', gib, 65536, 0);
  });

  it('gives back what an interrupted one has reserved in vain, if it carries its work on', async () => {
    const volume = await backend.available();
    backend.write(volume, 0, 65536, 5);
    await backend.snapshot(volume);
    const active = backend.active(volume);
    backend.write(volume, 65536, 65536, 6);
    for (const sizeGb of [2, 2, 3]) {
      backend.leak(active);
      await backend.extend(volume, sizeGb);
      expect(backend.leaks(active)).toBe(1);
      await backend.extend(volume, sizeGb, backend.work({ isContinued: true }));
      expect(backend.leaks(active)).toBe(0);
    }
    backend.leak(active);
    await backend.extend(volume, 4, backend.work({ isContinued: true }));
    expect(backend.leaks(active)).toBe(0);
    expect(backend.virtualBytes(volume)).toBe(4 * gib);
    backend.expectBytes(active, 'qcow2', 0, 65536, 5);
    backend.expectBytes(active, 'qcow2', 65536, 65536, 6);
  });

  it.each([
    ['is attached', { attach_status: 'attached' }, 2, 'is attached'],
    ['is larger already', { size: 3 }, 2, 'more than 2'],
  ])('refuses where the volume %s', async (_what, changes, sizeGb, why) => {
    const volume = await backend.available();
    const refusal = backend.extend({ ...volume, ...changes }, sizeGb);
    await expect(refusal).rejects.toThrow(why);
    await expect(refusal).rejects.toMatchObject({ outcome: 'not-started' });
    expect(backend.virtualBytes(volume)).toBe(gib);
  });

  it('refuses where the share has promised as much as it may', async () => {
    const volume = await backend.available();
    await expect(backend.extend(volume, 2, backend.work(), 1e9)).rejects.toThrow('insufficient space');
    expect(backend.virtualBytes(volume)).toBe(gib);
  });

  it('never shortens a file that is longer than its row says', async () => {
    const volume = await backend.available({ size: 3 });
    await expect(backend.extend({ ...volume, size: 1 }, 2)).rejects.toThrow('already');
    expect(backend.virtualBytes(volume)).toBe(3 * gib);
  });
});

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('reverting volumes', () => {
  let backend: FolderBackend;
  beforeAll(async () => {
    backend = await FolderBackend.start();
  });
  afterAll(() => backend.stop());

  it('takes back what was written since the latest snapshot, which can be done again later', async () => {
    const volume = await backend.available();
    const reverting = { ...volume, status: 'reverting' };
    backend.write(volume, 0, 65536, 1);
    const snapshot = await backend.snapshot(volume);
    for (const byte of [2, 3]) {
      backend.write(volume, 0, 131072, byte);
      await backend.driver.reversal.revert(reverting, snapshot, backend.work());
      backend.expectBytes(backend.active(volume), 'qcow2', 0, 65536, 1);
      backend.expectBytes(backend.active(volume), 'qcow2', 65536, 65536, 0);
    }
    await backend.removeSnapshot(snapshot, volume);
    backend.expectBytes(`volume-${volume.id}`, 'raw', 0, 65536, 1);
    expect(backend.temps()).toEqual([]);
  });

  it('refuses another snapshot than the latest, an unknown one, and an attached volume; nothing changes', async () => {
    const volume = await backend.available();
    const reverting = { ...volume, status: 'reverting' };
    const [older, latest] = [await backend.snapshot(volume), await backend.snapshot(volume)];
    backend.write(volume, 0, 65536, 7);
    const unknown = backend.snapshotRow(volume);
    backend.rows.delete(unknown.id);
    const revert = (snapshot: typeof older, changes = {}): Promise<unknown> =>
      backend.driver.reversal.revert({ ...reverting, ...changes }, snapshot, backend.work());
    await expect(revert(older)).rejects.toThrow('not the latest');
    await expect(revert(unknown)).rejects.toThrow('not in the chain');
    await expect(revert(latest, { attach_status: 'attached' })).rejects.toThrow('attached');
    backend.expectBytes(backend.active(volume), 'qcow2', 0, 65536, 7);
  });
});
