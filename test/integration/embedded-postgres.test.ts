import { readFileSync } from 'node:fs';
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/dev/embedded-postgres.ts';
import { findLauncher, runToEnd } from '../../src/dev/postgres-binaries.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { freePort } from '../support/free-port.ts';
import { makeTempDir, removeDir } from '../support/temp-dir.ts';

const isRoot = process.getuid?.() === 0;

/** A sandbox, or a changed root: the kernel gives nobody a user namespace. */
describe.skipIf(!isRoot)('an embedded PostgreSQL of root without user namespaces', () => {
  const path = process.env['PATH'];
  let dir: string;
  let server: EmbeddedPostgres | undefined;

  beforeEach(async () => {
    dir = await makeTempDir();
    await mkdir(join(dir, 'bin'));
    await writeFile(join(dir, 'bin/unshare'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    process.env['PATH'] = `${join(dir, 'bin')}:${path ?? ''}`;
  });

  afterEach(async () => {
    process.env['PATH'] = path;
    await server?.stop();
    server = undefined;
    await removeDir(dir);
  });

  const start = async (folder: string): Promise<void> => {
    const signal = AbortSignal.timeout(60_000);
    server = await startEmbeddedPostgres({
      dir: folder,
      port: await freePort(),
      fsync: false,
      log: silentLogger,
      signal,
    });
  };

  it('runs as nobody, to whom its data belongs, below folders that only root may enter', async () => {
    await chmod(dir, 0o700);
    const state = join(dir, 'state');
    await mkdir(state, { mode: 0o700 });
    await start(join(state, 'postgres'));
    expect((await stat(join(state, 'postgres/data'))).uid).toBe(65534);
    expect((await stat(state)).mode & 0o777).toBe(0o700);
    expect(userOf(server?.pid)).toBe(65534);
  });

  it('finds programs that lie below such a folder: a clone in /root', async () => {
    const hidden = join(dir, 'hidden');
    await mkdir(hidden, { mode: 0o700 });
    await writeFile(join(hidden, 'program'), '', { mode: 0o755 });
    const { prefix } = await findLauncher();
    await expect(runToEnd([...prefix, 'test', '-x', join(hidden, 'program')], dir)).resolves.toBeUndefined();
  });
});

function userOf(pid: number | undefined): number {
  return Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid ?? 0}/status`, 'utf8'))?.[1]);
}
