import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ListedLock } from '../../../src/cli/lock/list-locks.ts';
import type { Finding } from '../../../src/cli/lock/finding.ts';
import { startFixture, type Fixture } from '../../contract/db/fixture.ts';
import { eventually } from '../../support/poll.ts';
import { processTree, signalQuietly } from '../../support/process-tree.ts';
import { buildOnce, sharedRedis } from '../../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';

const ttlSeconds = 3;
let program: string;
let dir: string;
let redis: Redis;
let fixture: Fixture;
/** Configurations of the two kinds of locks: those that end with their process, and those that run out. */
const configs = { file: '', redis: '' };

beforeAll(async () => {
  program = path.join(await buildOnce(), 'src/main.js');
  dir = await makeTempDir();
  fixture = await startFixture('postgres');
  const url = new URL((await sharedRedis()).url);
  redis = new Redis(url.href, { protocol: 2 });
  const db = url.pathname.slice(1) || '0';
  configs.file = await configure('file', `file://${dir}/locks`, '');
  configs.redis = await configure(
    'redis',
    `redis://${url.host}?db=${db}&lock_timeout=${ttlSeconds}`,
    `[database]\nconnection = ${fixture.url}\n`,
  );
});

afterAll(async () => {
  await redis.quit();
  await fixture.close();
  await removeDir(dir);
});

async function configure(name: string, url: string, more: string): Promise<string> {
  const file = path.join(dir, `${name}.conf`);
  const locks = `[coordination]\nbackend_url = ${url}\nsafety_margin = 0.5\nheartbeat = 0.3\n`;
  await writeFile(
    file,
    `[DEFAULT]\nenabled_backends = n\nauth_strategy = noauth\n[n]\nvolume_driver = d\n${locks}${more}`,
  );
  return file;
}

interface Run {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
  out(): string;
}

function cli(...argv: readonly string[]): Run {
  const child = spawn(process.execPath, [program, 'lock', ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()));
  const ended = new Promise<Awaited<Run['ended']>>((resolve) =>
    child.once('close', (code) => resolve({ code, out, err })),
  );
  return { child, ended, out: () => out };
}

const runUnder = (conf: string, name: string, ...command: readonly string[]): Run =>
  cli('run', name, '--config-file', conf, '--', ...command);

/** A command that tells its pid, and a SIGTERM, and otherwise stays for a minute. */
const stays = ['sh', '-c', 'trap "echo asked; exit 5" TERM; echo pid $$; sleep 60 & wait'] as const;

async function pidOf(run: Run): Promise<number> {
  return Number(await eventually(() => /pid (\d+)/.exec(run.out())?.[1], { timeoutMs: 30_000 }));
}

/** Not even as a zombie that nobody has waited for yet. */
function runs(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('lock run', { timeout: 60_000 }, () => {
  it('gives the exit code of the command, and what a shell says of one that cannot run or was killed', async () => {
    const ends = [
      runUnder(configs.file, 'code', 'sh', '-c', 'echo under the lock; exit 7'),
      runUnder(configs.file, 'none', 'no-such-program'),
      runUnder(configs.file, 'killed', 'sh', '-c', 'kill -KILL $$'),
    ].map(({ ended }) => ended);
    const [seven, none, killed] = await Promise.all(ends);
    expect(seven).toMatchObject({ code: 7, out: 'under the lock\n', err: '' });
    expect(none).toMatchObject({ code: 127 });
    expect(killed).toMatchObject({ code: 137 });
  });

  it('runs nothing where the name is no lock’s, the wait is over, or the service is away: 125, 124, 125', async () => {
    const holder = runUnder(configs.redis, 'taken', ...stays);
    await pidOf(holder);
    const away = await configure('away', `redis://127.0.0.1:1?lock_timeout=${ttlSeconds}`, '');
    const [name, wait, service] = await Promise.all([
      runUnder(configs.file, 'a/b', 'echo', 'ran').ended,
      cli('run', 'taken', '--wait', '0', '--config-file', configs.redis, '--', 'echo', 'ran').ended,
      runUnder(away, 'x', 'echo', 'ran').ended,
    ]);
    expect(name).toMatchObject({ code: 125, out: '', err: expect.stringContaining('may hold letters') as string });
    expect(wait).toMatchObject({ code: 124, out: '', err: expect.stringContaining('was not to be had') as string });
    expect(service).toMatchObject({ code: 125, out: '' });
    holder.child.kill('SIGTERM');
    expect(await holder.ended).toMatchObject({ code: 5, out: expect.stringContaining('asked') as string });
    expect(await runUnder(configs.redis, 'taken', 'echo', 'next').ended).toMatchObject({ code: 0, out: 'next\n' });
  });

  it('asks the command to end when the lock is lost, kills what does not, and says so: 123', async () => {
    const [kind, deaf] = [
      runUnder(configs.redis, 'kind', ...stays),
      runUnder(configs.redis, 'deaf', 'sh', '-c', 'trap "" TERM; echo pid $$; while :; do sleep 1; done'),
    ];
    const pids = await Promise.all([kind, deaf].map(pidOf));
    const keys = await redis.keys('*cinder-*_lock*');
    await redis.del(...keys.filter((key) => /cinder-(kind|deaf)/.test(key)));
    const lost = expect.stringContaining('was lost while the command ran') as string;
    expect(await kind.ended).toMatchObject({ code: 123, err: lost, out: expect.stringContaining('asked') as string });
    expect(await deaf.ended).toMatchObject({ code: 123, err: lost });
    expect(pids.filter(runs)).toEqual([]);
  });

  it('ends the command by itself, before anybody else has the lock, when it is frozen or killed', async () => {
    const [frozen, killed] = [runUnder(configs.redis, 'frozen', ...stays), runUnder(configs.redis, 'killed', ...stays)];
    const [frozenPid, killedPid] = [await pidOf(frozen), await pidOf(killed)];
    frozen.child.kill('SIGSTOP');
    killed.child.kill('SIGKILL');
    const states = [frozenPid, killedPid].map((pid) => `test -e /proc/${pid} && echo lives; true`);
    const [afterFrozen, afterKilled] = await Promise.all([
      runUnder(configs.redis, 'frozen', 'sh', '-c', states[0] ?? '').ended,
      runUnder(configs.redis, 'killed', 'sh', '-c', states[1] ?? '').ended,
    ]);
    expect([afterFrozen.out, afterKilled.out]).toEqual(['', '']);
    frozen.child.kill('SIGCONT');
    expect(await frozen.ended).toMatchObject({ code: 123 });
  });

  it('leaves no process behind when it is killed under a lock that ends with it', async () => {
    const run = runUnder(configs.file, 'local', ...stays);
    const pid = await pidOf(run);
    const tree = processTree(run.child.pid ?? 0);
    expect(tree).toContain(pid);
    signalQuietly(run.child.pid ?? 0, 'SIGKILL');
    await eventually(() => !tree.some(runs));
  });
});

describe('lock list', { timeout: 60_000 }, () => {
  it('shows holder, token and what cannot be told', async () => {
    const held = runUnder(configs.redis, 'listed', ...stays);
    await pidOf(held);
    const [token] = (await fixture.db.fence.mint(['listed'])).values();
    const json = await cli('list', '--json', '--config-file', configs.redis).ended;
    const locks = JSON.parse(json.out) as ListedLock[];
    const mine = locks.find(({ name }) => name === 'listed');
    expect(mine).toMatchObject({ token: String(token), holder: expect.stringMatching(/^\w+/) as string });
    const text = await cli('list', '--config-file', configs.redis).ended;
    expect(text).toMatchObject({ code: 0, err: '' });
    expect(text.out).toMatch(new RegExp(`^listed +\\S+ .*${token}`, 'm'));
    held.child.kill('SIGTERM');
    await held.ended;
    expect((await cli('list', '--config-file', configs.file).ended).out).toMatch(
      /^Lock +Holder +Age s +Token +Waiters/,
    );
  });
});

describe('lock check', { timeout: 90_000 }, () => {
  it('finds nothing wrong with a sound lock service, and gives its locks back', async () => {
    const { code, out } = await cli('check', '--json', '--config-file', configs.redis).ended;
    const findings = JSON.parse(out) as Finding[];
    expect(findings.filter(({ level }) => level === 'problem')).toEqual([]);
    expect(code).toBe(0);
    const text = (about: string): string => findings.find((finding) => finding.about === about)?.text ?? '';
    expect(text('excluded')).toBe('a lock of another process is refused');
    expect(text('owner frozen')).toMatch(/it knew of the loss/);
    expect(text('recovered')).toMatch(/without a restart/);
    expect(text('owner killed')).toMatch(/was to be had after/);
    expect(text('hand over')).toMatch(/20 times/);
    expect(text('members')).toBe('none is alive');
    expect((await redis.keys('*aa-check*')).length).toBe(0);
  });

  it('says 3 where replicas of a cluster would share no locks, or nobody answers', async () => {
    const cluster = await configure('cluster', `file://${dir}/locks`, '[DEFAULT]\ncluster = c\n');
    const away = await configure('nobody', 'redis://127.0.0.1:1', '');
    const [alone, nobody] = await Promise.all([
      cli('check', '--quick', '--config-file', cluster).ended,
      cli('check', '--quick', '--config-file', away).ended,
    ]);
    expect(alone).toMatchObject({ code: 3, out: expect.stringMatching(/^problem +reach: only this host/m) as string });
    expect(nobody).toMatchObject({ code: 3, out: expect.stringMatching(/^problem +reached: /m) as string });
  });
});
