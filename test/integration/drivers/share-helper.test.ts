import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ShareClient } from '../../../src/drivers/share/share-client.ts';
import type { FromHelper, ToHelper } from '../../../src/drivers/share/share-protocol.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { eventually } from '../../support/poll.ts';
import { leaveOut } from '../../support/programs.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { helperEntry, helperIsElsewhere, processList, startsWithinMs, type ProcessList } from './helper-machine.ts';

const clock = new BootClock();

describe.skipIf(leaveOut('qemu-img'))('the share helper', () => {
  let entry: string;
  let dir: string;
  let slow: readonly [string, ...string[]];
  let processes: ProcessList;
  beforeAll(async () => {
    entry = await helperEntry();
    processes = processList();
  });
  afterAll(() => processes.stop());
  beforeEach(async () => {
    dir = await makeTempDir();
    mkdirSync(join(dir, '.cinder-volume-aa'));
    const image = join(dir, 'image');
    execFileSync('qemu-img', ['create', '-q', '-f', 'raw', image, '1M']);
    // Runs for hours, and writes.
    slow = ['qemu-img', 'bench', '-w', '-f', 'raw', '-c', '1000000000', image];
  });
  afterEach(() => removeDir(dir));

  const client = (callTimeoutMs?: number): ShareClient =>
    new ShareClient({
      name: 'helper',
      allowed: () => ({ base: null, folders: [dir] }),
      entry,
      clock,
      log: silentLogger,
      ...(callTimeoutMs !== undefined && { callTimeoutMs }),
    });
  const guard = (provableUntilMs = (): number => Number.POSITIVE_INFINITY, signal = new AbortController().signal) => ({
    signal,
    provableUntilMs,
  });
  const isRunning = async (): Promise<boolean> =>
    (await processes.look()).some((words) => words.includes(`-c 1000000000 ${join(dir, 'image')}`));
  const patience = { timeoutMs: 4 * startsWithinMs };
  const started = (): Promise<boolean> => eventually(isRunning, patience);
  const ended = (): Promise<boolean> => eventually(async () => !(await isRunning()), patience);
  const create = {
    name: 'volume-x',
    tag: 't1',
    temp: 'volume-x~t1~v',
    mode: 0o660,
    mayReplace: false,
    fresh: false,
  } as const;

  it('commits nothing after the deadline, and leaves nothing unfinished, for which nobody would look', async () => {
    const share = client();
    const late = guard(() => clock.nowMs() - 1);
    const { temp, mode } = create;
    const made = share.call('createFile', { ...create, dir, bytes: 4096, fill: 'sparse' }, late);
    await expect(made).rejects.toMatchObject({ errno: 'DEADLINE', outcome: 'unknown' });
    const info = { dir, temp, name: 'volume-x.info', text: '{}', mode, owner: null };
    await expect(share.call('replaceFile', info, late)).rejects.toMatchObject({ errno: 'DEADLINE' });
    writeFileSync(join(dir, '.cinder-volume-aa', temp), '');
    const commit = { dir, temp, name: 'volume-x', how: 'link', mode, owner: null, growTo: null } as const;
    await expect(share.call('commit', commit, late)).rejects.toMatchObject({ errno: 'DEADLINE' });
    expect(readdirSync(dir).filter((name) => name.startsWith('volume-'))).toEqual([]);
    expect(readdirSync(join(dir, '.cinder-volume-aa'))).toEqual([]);
    await share.stop();
  });

  it('lets a program live as long as renewals come, and not longer', async () => {
    const share = client();
    await share.start(new AbortController().signal);
    let until = clock.nowMs() + startsWithinMs;
    const run = share.run(slow, { guard: guard(() => until), timeoutMs: 60_000 });
    const end = run.catch((error: unknown) => error);
    await started();
    until += 1_000;
    expect(await end).toMatchObject({ outcome: 'unknown' });
    expect(clock.nowMs()).toBeGreaterThan(until - 100);
    expect(await isRunning()).toBe(false);
    await share.stop();
  });

  it('kills a program when its guard aborts, and answers when it is dead', async () => {
    const share = client();
    const controller = new AbortController();
    const run = share.run(slow, { guard: guard(undefined, controller.signal), timeoutMs: 60_000 });
    const end = run.catch((error: unknown) => error);
    await started();
    controller.abort(new Error('locks lost'));
    expect(await end).toMatchObject({ outcome: 'unknown' });
    expect(await isRunning()).toBe(false);
    await share.stop();
  });

  it('is killed when it does not answer, and replaced', async () => {
    const share = client(300);
    await share.start(new AbortController().signal);
    const hung = share.pid ?? 0;
    process.kill(hung, 'SIGSTOP');
    await expect(share.call('statfs', { dir }, guard())).rejects.toMatchObject({ errno: 'HELPER', outcome: 'unknown' });
    expect(() => process.kill(hung, 0)).toThrow('ESRCH');
    await expect(share.call('statfs', { dir }, guard(), 20_000)).resolves.toHaveProperty('totalBytes');
    expect(share.pid).not.toBe(hung);
    await share.stop();
  });

  it('goes with its children when its input ends, and when it is killed', async () => {
    for (const end of [(child: ChildProcess) => child.stdin?.end(), (child: ChildProcess) => child.kill('SIGKILL')]) {
      const { child, send } = await rawHelper(entry, dir);
      send({
        op: 'call',
        id: 1,
        verb: 'run',
        args: { argv: slow, timeoutMs: 60_000, asRoot: false, secrets: [] },
        deadlineMs: null,
      });
      await started();
      end(child);
      await eventually(() => child.signalCode === 'SIGKILL', patience);
      await ended();
    }
  });

  it('kills its children at the deadline though the main process is frozen', async () => {
    // Nobody renews: that is all that the helper can see of a frozen main process.
    const { child, send } = await rawHelper(entry, dir);
    const args = { argv: slow, timeoutMs: 60_000, asRoot: false, secrets: [] };
    send({ op: 'call', id: 1, verb: 'run', args, deadlineMs: clock.nowMs() + startsWithinMs });
    await started();
    await ended();
    child.kill('SIGKILL');
  });

  it('works in the folders it was given only, and starts no other programs', async () => {
    const share = client();
    await expect(share.call('statfs', { dir: '/etc' }, guard())).rejects.toThrow('no share');
    const unlink = share.call('unlink', { dir, names: ['../image'] }, guard());
    await expect(unlink).rejects.toMatchObject({ outcome: 'not-started' });
    await expect(share.run(['sh', '-c', 'true'], { guard: guard(), timeoutMs: 1_000 })).rejects.toThrow(
      'not for a share',
    );
    await share.stop();
  });

  it.skipIf(helperIsElsewhere)('makes no file that is shorter than it was asked for', async () => {
    const share = client();
    await share.start(guard().signal);
    // As on a share that is full there: the last write is done in part.
    execFileSync('prlimit', ['--pid', String(share.pid), `--fsize=${1.5 * 1024 * 1024}`]);
    const made = share.call('createFile', { ...create, dir, bytes: 2 * 1024 * 1024, fill: 'zeros' }, guard());
    await expect(made).rejects.toMatchObject({ errno: 'EFBIG', outcome: 'failed' });
    expect(readdirSync(dir)).not.toContain(create.name);
    expect(readdirSync(join(dir, '.cinder-volume-aa'))).toEqual([]);
    await share.stop();
  });

  it.skipIf(helperIsElsewhere)('takes a look that the file system breaks off for a doubt', async () => {
    // Its own memory, as a file: reading it at 0 is EIO, as from a server that has gone.
    const share = new ShareClient({
      ...{ name: 'helper', entry, clock, log: silentLogger },
      allowed: () => ({ base: null, folders: ['/proc/self', dir] }),
    });
    const look = share.call('inspect', { dir: '/proc/self', name: 'mem', temp: false }, guard());
    await expect(look).rejects.toMatchObject({ errno: 'EIO', outcome: 'unknown' });
    await share.call('createFile', { ...create, dir, bytes: 4096, fill: 'zeros' }, guard());
    execFileSync('prlimit', ['--pid', String(share.pid), '--nofile=3']);
    const out = share.call('inspect', { dir, name: create.name, temp: false }, guard());
    await expect(out).rejects.toMatchObject({ errno: 'EMFILE', outcome: 'unknown' });
    await share.stop();
  });

  it('tells a refusal, which is definite, from a doubt', async () => {
    const share = client();
    await share.call('createFile', { ...create, dir, bytes: 4096, fill: 'zeros' }, guard());
    const again = share.call('createFile', { ...create, dir, bytes: 8192, fill: 'sparse' }, guard());
    await expect(again).resolves.toEqual({ state: 'conflict', bytes: 4096 });
    const missing = {
      dir,
      temp: 'volume-x~t1~gone',
      name: 'n',
      how: 'link',
      mode: 0o600,
      owner: null,
      growTo: null,
    } as const;
    await expect(share.call('commit', missing, guard())).rejects.toMatchObject({ errno: 'TAKEN', outcome: 'unknown' });
    const absent = share.call('adopt', { dir, name: 'absent', as: 'volume-y', mode: 0o600 }, guard());
    await expect(absent).rejects.toMatchObject({ errno: 'ENOENT', outcome: 'failed' });
    rmSync(join(dir, '.cinder-volume-aa'), { recursive: true });
    const unprepared = share.call('createFile', { ...create, dir, bytes: 4096, fill: 'zeros' }, guard());
    await expect(unprepared).rejects.toMatchObject({ errno: 'ENOENT', outcome: 'unknown' });
    await share.stop();
  });
});

async function rawHelper(
  entry: string,
  dir: string,
): Promise<{ child: ChildProcess; send: (message: ToHelper) => void }> {
  const child = spawn(process.execPath, [entry, '--folder', dir], { stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).once('line', (line) => {
      expect((JSON.parse(line) as FromHelper).event).toBe('ready');
      resolve();
    });
  });
  return { child, send: (message) => void child.stdin.write(`${JSON.stringify(message)}\n`) };
}
