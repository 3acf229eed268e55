import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leaveOut } from '../../support/programs.ts';
import { FolderBackend } from './folder-backend.ts';

const tail = 2 * 1024 ** 3 - 65536;

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('volumes that are qcow2 files', () => {
  let backend: FolderBackend;
  beforeAll(async () => {
    backend = await FolderBackend.start({ nfsQcow2Volumes: true });
  });
  afterAll(() => backend.stop());

  it('are made once, snapshotted, cloned larger and merged', async () => {
    const volume = await backend.available();
    await backend.driver.create({ ...volume, status: 'creating' }, backend.work());
    const snapshot = await backend.snapshot(volume);
    backend.write(volume, 0, 65536, 9);
    const copy = backend.volume({ size: 2 });
    await backend.driver.clone.create(copy, { kind: 'volume', volume }, backend.work());
    backend.expectBytes(`volume-${copy.id}`, 'qcow2', 0, 65536, 9);
    backend.expectBytes(`volume-${copy.id}`, 'qcow2', tail, 65536, 0);
    await backend.removeSnapshot(snapshot, volume);
    backend.expectBytes(`volume-${volume.id}`, 'qcow2', 0, 65536, 9);
    expect(backend.temps()).toEqual([]);
  });
});
