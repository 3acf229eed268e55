import { execFileSync } from 'node:child_process';
import { chmodSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileBackend } from '../../../src/coordination/drivers/file.ts';
import { fileSystemKind } from '../../../src/coordination/drivers/file-system-kind.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { eventually } from '../../support/poll.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';

const nfs = fileSystemKind(0x6969);
const clock = new BootClock();
const forever = new AbortController().signal;
let dir: string;

beforeEach(async () => {
  dir = await makeTempDir();
});
afterEach(() => removeDir(dir));

async function start(more: Partial<ConstructorParameters<typeof FileBackend>[0]> = {}): Promise<FileBackend> {
  const directory = path.join(dir, 'käse locks');
  const backend = new FileBackend({ directory, ttlMs: 1200, timeoutMs: 1000, clock, log: silentLogger, ...more });
  await backend.start(forever);
  return backend;
}

describe('file locks', () => {
  it('are files of Tooz’s names in Tooz’s folder, which stay and stay empty', async () => {
    const backend = await start();
    const lock = await backend.acquireOne('cinder-nfs-1', forever);
    await lock.release();
    const folder = path.join(dir, 'käse locks');
    expect(readdirSync(folder).sort()).toEqual(['cinder-nfs-1', 'groups', 'tmp']);
    expect(readdirSync(path.join(folder, 'tmp'))).toEqual([]);
    expect(statSync(path.join(folder, 'cinder-nfs-1')).size).toBe(0);
  });

  it('need no proof on a local file system', async () => {
    const backend = await start();
    const lock = await backend.acquireOne('cinder-a', forever);
    expect(lock.proof.untilMs()).toBe(Infinity);
    expect(backend.guarantees).toEqual({ scope: 'host', survivesFailover: true, fifo: false });
    await lock.release();
    expect(lock.proof.untilMs()).toBe(-Infinity);
  });

  it('keep the content that a file has', async () => {
    const backend = await start();
    const file = path.join(dir, 'käse locks', 'cinder-a');
    writeFileSync(file, 'content');
    await (await backend.acquireOne('cinder-a', forever)).release();
    expect(readFileSync(file, 'utf8')).toBe('content');
  });

  it('say at the start that the folder cannot be had', async () => {
    writeFileSync(path.join(dir, 'file'), '');
    await expect(start({ directory: path.join(dir, 'file', 'x') })).rejects.toThrow(/no locks in .*ENOTDIR/);
  });

  it('say that a file is not ours to lock', async () => {
    const backend = await start();
    const file = path.join(dir, 'käse locks', 'cinder-a');
    execFileSync('mkdir', [file]);
    await expect(backend.acquireOne('cinder-a', forever)).rejects.toThrow(/cannot lock a file: EISDIR/);
    chmodSync(file, 0o700);
  });
});

describe('file locks on a network file system', () => {
  it('prove themselves by writes through their own descriptor, again and again', async () => {
    const backend = await start({ fileSystem: nfs });
    expect(backend.guarantees.scope).toBe('cluster');
    const lock = await backend.acquireOne('cinder-a', forever);
    const first = lock.proof.untilMs();
    expect(first - clock.nowMs()).toBeGreaterThan(0);
    expect(first - clock.nowMs()).toBeLessThanOrEqual(1200);
    await eventually(() => lock.proof.untilMs() > first + 300);
    expect(statSync(path.join(dir, 'käse locks', 'cinder-a')).size).toBe(1);
    await expect(lock.release()).resolves.toBe('released');
  });

  it('exclude those of other open files', async () => {
    const [one, two] = [await start({ fileSystem: nfs }), await start()];
    const lock = await one.acquireOne('cinder-a', forever);
    await expect(two.acquireOne('cinder-a', AbortSignal.timeout(200))).rejects.toThrow();
    await lock.release();
    await (await two.acquireOne('cinder-a', forever)).release();
  });

  it('can be given up waiting for while a call hangs, and never stop other files', async () => {
    const backend = await start({ fileSystem: nfs });
    // Opening a pipe for writing hangs until somebody reads, as an open on a dead mount does until it is back.
    const pipes = ['a', 'b', 'c', 'd', 'e'].map((name) => path.join(dir, 'käse locks', `cinder-${name}`));
    execFileSync('mkfifo', pipes);
    const waits = pipes.map((pipe) => backend.acquireOne(path.basename(pipe), AbortSignal.timeout(100)));
    for (const wait of waits) await expect(wait).rejects.toThrow();
    // Four hung calls would hold the whole thread pool; this read would never end.
    await expect(import('node:fs/promises').then((fs) => fs.readFile('/etc/hostname'))).resolves.toBeDefined();
    // Open for both, which does not wait: whoever waited for a reader goes on.
    for (const pipe of pipes) openSync(pipe, 'r+');
    await eventually(async () => {
      await (await backend.acquireOne('cinder-f', AbortSignal.timeout(500))).release();
      return true;
    });
  });
});
