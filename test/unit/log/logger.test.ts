import { execFileSync } from 'node:child_process';
import { mkdtemp, open, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger, logDestinations, type Log, type LogOptions } from '../../../src/log/create-logger.ts';
import { LogLevels } from '../../../src/log/levels.ts';
import { openFileSink } from '../../../src/log/sink.ts';

let folder: string;
let file: string;
let log: Log | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'log-'));
  file = join(folder, 'volume.log');
});

afterEach(async () => {
  await log?.close();
  log = undefined;
  await rm(folder, { recursive: true });
});

async function start(options: Partial<LogOptions> = {}): Promise<Log> {
  log = await createLogger({ format: 'oslo', destinations: [{ file }], debug: false, ...options });
  return log;
}

const content = () => readFile(file, 'utf8');
const holds = (text: string, path = file) =>
  vi.waitFor(async () => expect(await readFile(path, 'utf8')).toContain(text), { timeout: 5000, interval: 10 });

describe('the logger', () => {
  it('appends lines in the order in which they came, with the fields of its ancestors', async () => {
    await writeFile(file, 'before\n');
    const { logger } = await start();
    const manager = logger.child({ logger: 'cinder.volume.manager', backend: 'a@nfs' });
    manager.child({ request_id: 'req-1', user_id: 'u' }).info({ volume_id: 'v' }, 'one');
    logger.warn({}, 'two');
    await log?.close();
    const [before, one, two, ...rest] = (await content()).split('\n');
    expect(before).toBe('before');
    expect(one).toMatch(/ INFO cinder\.volume\.manager \[None req-1 u - - - - -\] one backend=a@nfs volume_id=v$/);
    expect(two).toMatch(new RegExp(`^\\S+ \\S+ ${process.pid} WARNING cinder \\[-\\] two$`));
    expect(rest).toEqual(['']);
  });

  it('takes fields of any name and form without mixing them up with its own', async () => {
    const { logger } = await start();
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    logger.info({ pid: 1, level: 'x', time: 'y', msg: 'm', name: 'n', big: 10n, circular, undef: undefined }, 'odd');
    await log?.close();
    expect(await content()).toMatch(
      new RegExp(` ${process.pid} INFO cinder \\[-\\] odd pid=1 level=x time=y msg=m name=n`),
    );
  });

  it('writes errors with their causes, and no secret', async () => {
    const { logger } = await start({ secrets: ['rabbit://u:s3cret-pw@h/'] });
    const cause = new Error('login s3cret-pw refused');
    logger.error({ err: new TypeError('no broker', { cause }) }, 'cannot connect to rabbit://u:other@h/');
    await log?.close();
    const text = await content();
    expect(text).toContain('ERROR cinder [-] cannot connect to rabbit://u:***@h/: TypeError: no broker');
    expect(text).toContain('login *** refused');
    expect(text).not.toMatch(/s3cret|other/);
  });

  it('writes JSON if told to', async () => {
    const { logger } = await start({ format: 'json' });
    logger.child({ request_id: 'req-1' }).info({ volume_id: 'v' }, 'ünï');
    await log?.close();
    expect(JSON.parse(await content())).toMatchObject({
      message: 'ünï',
      levelname: 'INFO',
      context: { request_id: 'req-1' },
      extra: { volume_id: 'v' },
    });
  });

  it('changes levels of existing and of later loggers by the beginning of their names', async () => {
    const { logger } = await start();
    const rpc = logger.child({ logger: 'cinder.rpc.server' });
    rpc.debug({}, 'unseen');
    log?.setLevel('cinder.rpc', 'debug');
    rpc.debug({}, 'seen');
    logger.child({ logger: 'cinder.rpc.client' }).debug({}, 'seen too');
    logger.debug({}, 'unseen');
    await log?.close();
    expect((await content()).match(/(un)?seen.*/g)).toEqual(['seen', 'seen too']);
    expect(log?.levels('cinder.')).toEqual({ 'cinder.rpc.client': 'DEBUG', 'cinder.rpc.server': 'DEBUG' });
  });
});

describe('LogLevels', () => {
  it('goes by the longest prefix, and a later setting by a shorter prefix covers it', () => {
    const levels = new LogLevels({ debug: false, defaultLogLevels: ['cinder.rpc=WARN', 'nonsense', 'x=LOUD'] });
    expect([levels.allows('cinder.rpc', 'INFO'), levels.allows('cinder.db', 'INFO')]).toEqual([false, true]);
    levels.setLevel('cinder', 'DEBUG');
    expect([levels.allows('cinder.rpc', 'DEBUG'), levels.allows('other', 'DEBUG')]).toEqual([true, false]);
    levels.reset({ debug: true, defaultLogLevels: [] });
    expect(levels.levels()).toEqual({ 'cinder.db': 'DEBUG', 'cinder.rpc': 'DEBUG', other: 'DEBUG' });
  });

  it('refuses a level that there is not', () => {
    const levels = new LogLevels({ debug: false, defaultLogLevels: [] });
    expect(() => levels.setLevel('', 'LOUD')).toThrow('LOUD is none of');
  });
});

describe('a log file', () => {
  it('is opened again on request after it was moved away, losing no line', async () => {
    const { logger } = await start();
    logger.info({}, 'first');
    await holds('first');
    await rename(file, `${file}.1`);
    await log?.reopen();
    logger.info({}, 'second');
    await holds('second');
    expect(await readFile(`${file}.1`, 'utf8')).toMatch(/first\n$/);
    expect(await content()).not.toContain('first');
  });

  it('is opened again by itself some time after it vanished', async () => {
    const { logger } = await start();
    logger.info({}, 'first');
    await holds('first');
    await unlink(file);
    await vi.waitFor(
      async () => {
        logger.info({}, 'again');
        expect(await stat(file)).toBeDefined();
      },
      { timeout: 10_000, interval: 50 },
    );
    await holds('again');
  });

  it('is written on under its old name if its folder is gone, and reopen throws nothing', async () => {
    const { logger } = await start();
    const handle = await open(file, 'r');
    await rename(folder, `${folder}.away`);
    await log?.reopen();
    logger.info({}, 'still here');
    await vi.waitFor(async () => expect(await readFile(`${folder}.away/volume.log`, 'utf8')).toContain('still here'));
    await handle.close();
    await rename(`${folder}.away`, folder);
  });

  it('may be read by others, as far as the umask lets them', async () => {
    const before = process.umask(0o027);
    try {
      await start();
      expect((await stat(file)).mode & 0o777).toBe(0o640);
    } finally {
      process.umask(before);
    }
  });

  it('that cannot be opened at start is an error', async () => {
    await expect(start({ destinations: [{ file: join(folder, 'no', 'such') }] })).rejects.toThrow('ENOENT');
  });

  it('on a full disk loses lines, says how many, and costs nothing else', async () => {
    const losses: { lost: number; recovered: boolean }[] = [];
    const sink = await openFileSink('/dev/full', ({ lost, recovered }) => losses.push({ lost, recovered }));
    sink.write('one\ntwo\n');
    await vi.waitFor(() => expect(losses).toEqual([{ lost: 2, recovered: false }]));
    sink.write('three\n');
    sink.flushSync();
    await sink.close(1000);
    expect(losses.at(-1)).toEqual({ lost: 3, recovered: false });
  });

  it('that nobody reads (a full pipe) bounds what waits, and closing does not hang', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = await open(pipe, 'r+');
    let lost = 0;
    const sink = await openFileSink(pipe, (loss) => (lost = loss.lost));
    for (let i = 0; i < 200; i++) sink.write(`${'x'.repeat(99_999)}\n`);
    await vi.waitFor(() => expect(lost).toBeGreaterThan(100));
    const startedAtMs = performance.now();
    await sink.close(50);
    expect(performance.now() - startedAtMs).toBeLessThan(2000);
    // Lets the write that hangs in the pipe go, or this process could not end.
    const chunk = Buffer.alloc(1024 * 1024);
    let drained = 0;
    while (drained < 4_000_000) drained += (await reader.read(chunk)).bytesRead;
    await reader.close();
  });
});

it('destinations are oslo.log’s: the file, standard error if asked for, standard output if neither', () => {
  const of = (logFile: string | null, logDir: string | null, useStderr = false) =>
    logDestinations({ logFile, logDir, useStderr });
  expect(of(null, null)).toEqual(['stdout']);
  expect(of(null, null, true)).toEqual(['stderr']);
  expect(of('/var/log/x', null)).toEqual([{ file: '/var/log/x' }]);
  expect(of('v.log', '/var/log/cinder', true)).toEqual([{ file: '/var/log/cinder/v.log' }, 'stderr']);
  expect(of(null, '/var/log/cinder')).toEqual([{ file: '/var/log/cinder/cinder-volume.log' }]);
});
