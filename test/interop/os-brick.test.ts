import { spawnSync } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Volume } from '../../src/domain/rows.ts';
import { mountPointName } from '../../src/drivers/remotefs/shares.ts';
import { FolderBackend } from '../integration/drivers/folder-backend.ts';
import { leaveOutPython, python } from '../support/programs.ts';

describe.skipIf(leaveOutPython('os_brick'))('os-brick, told how to connect', () => {
  let backend: FolderBackend;
  let base: string;
  beforeAll(async () => {
    backend = await FolderBackend.start({ nasMountOptions: '-o vers=4.2' });
    base = join(backend.dir, '..', 'mnt');
    mkdirSync(base);
  });
  afterAll(() => backend.stop());

  async function connect(volume: Volume): Promise<{ path: string; mounts: string[][] }> {
    const { info } = await backend.driver.connection.connect(volume, { host: 'compute' }, backend.work());
    const input = JSON.stringify({ info, base, shares: { [backend.location]: backend.dir } });
    const { status, stdout, stderr } = spawnSync(python, [join(import.meta.dirname, 'os-brick-peer.py')], {
      ...{ input, encoding: 'utf8' },
    });
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as { path: string; mounts: string[][] };
  }

  it('mounts the share with its options and finds the volume there, and its newest overlay', async () => {
    const volume = await backend.available();
    const first = await connect(volume);
    const mountPoint = join(base, mountPointName(backend.location));
    expect(first.path).toBe(join(mountPoint, `volume-${volume.id}`));
    expect(first.mounts[0]?.slice(-4)).toEqual(['-o', 'vers=4.2', backend.location, mountPoint]);
    expect(realpathSync(first.path)).toBe(backend.path(`volume-${volume.id}`));
    const snapshot = await backend.snapshot(volume);
    const overlay = `volume-${volume.id}.${snapshot.id}`;
    expect(await connect(volume)).toEqual({ path: join(mountPoint, overlay), mounts: first.mounts });
  });
});
