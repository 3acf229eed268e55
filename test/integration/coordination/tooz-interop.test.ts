import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Coordinator } from '../../../src/coordination/coordinator.ts';
import { lockName } from '../../../src/coordination/lock-names.ts';
import {
  defaults,
  spawnLines,
  spawnMember,
  startMember,
  stopMember,
  type MemberProcess,
} from '../../contract/coordinator/members.ts';
import { eventually } from '../../support/poll.ts';
import {
  buildOnce,
  sharedEtcd,
  sharedMariadb,
  sharedMemcached,
  sharedRedis,
  sharedZookeeper,
} from '../../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';

/** Debian's interpreter: the packages are its own, whatever else PATH offers. */
const python = '/usr/bin/python3';
const missing =
  spawnSync(python, ['-c', 'import tooz.coordination, kazoo, redis, etcd3gw, pymysql, pymemcache']).status !== 0;
if (missing)
  console.warn(
    'python3-tooz, python3-kazoo, python3-redis, python3-etcd3gw, python3-pymysql or python3-pymemcache is missing: no interop tests of locks',
  );

const forever = new AbortController().signal;
const credentials = `u${process.pid}:p%40w`;

interface Peer {
  readonly name: string;
  /** The same URL for both sides; the folder exists. */
  url(dir: string): Promise<string>;
}

const peers: readonly Peer[] = [
  { name: 'file', url: (dir) => Promise.resolve(`file://${dir}`) },
  {
    name: 'zookeeper',
    url: async () => {
      const { hosts, namespace } = await sharedZookeeper();
      return `zookeeper://${hosts}?namespace=${namespace.replace(/^\//, '')}&timeout=5`;
    },
  },
  {
    name: 'zookeeper with credentials',
    url: async () => {
      const { hosts, namespace } = await sharedZookeeper();
      return `zookeeper://${credentials}@${hosts}?namespace=${namespace.replace(/^\//, '')}-auth&timeout=5`;
    },
  },
  {
    name: 'redis',
    url: async () => {
      const url = new URL((await sharedRedis()).url);
      return `redis://${url.host}?db=${url.pathname.slice(1) || '0'}&lock_timeout=5`;
    },
  },
  {
    name: 'etcd',
    // Tooz before 4 asks for v3alpha, which etcd has not served since 3.3, unless it is told.
    url: async () => `etcd3+http://127.0.0.1:${(await sharedEtcd()).port}?lock_timeout=5&api_version=v3`,
  },
  {
    name: 'memcached',
    url: async () => `memcached://127.0.0.1:${(await sharedMemcached()).port}?lock_timeout=5`,
  },
  { name: 'mysql', url: async () => `mysql://root:@127.0.0.1:${(await sharedMariadb()).port}/mysql` },
];

describe.skipIf(missing).each(peers)('locks of Python’s Tooz and ours on $name', (peer) => {
  let dir: string;
  let url: string;
  let ours: Coordinator;

  beforeAll(async () => {
    await buildOnce();
    dir = await makeTempDir();
    const locks = path.join(dir, 'locks');
    mkdirSync(locks);
    url = await peer.url(locks);
    ours = await startMember({ url });
  });
  afterAll(async () => {
    await stopMember(ours);
    await removeDir(dir);
  });

  const startPeer = (...args: readonly string[]): MemberProcess =>
    spawnLines(python, [path.join(import.meta.dirname, 'tooz-peer.py'), url, ...args]);

  it('wait for Python’s', async () => {
    const name = lockName('python-first');
    const theirs = startPeer('hold', name);
    expect(await theirs.line()).toBe('held');
    await expect(ours.acquire([name], { waitMs: 400, signal: forever })).rejects.toThrow('not to be had');
    expect((await ours.holders()).map((holder) => holder.name)).toContain(`cinder-${name}`);
    const waiting = ours.acquire([name], { waitMs: 10_000, signal: forever });
    theirs.send('release');
    expect(await theirs.line()).toBe('released');
    await (await waiting).release();
    await theirs.exited;
  });

  it('are waited for by Python', async () => {
    const name = lockName('ours-first');
    const lease = await ours.acquire([name], { waitMs: 5000, signal: forever });
    const theirs = startPeer('hold', name);
    let got = false;
    const line = theirs.line().then((text) => {
      got = true;
      return text;
    });
    // Until it surely has asked for the lock: it holds another one, which it takes in the same way, in 300 ms.
    await probe();
    expect(got).toBe(false);
    await expect(lease.release()).resolves.toBe('released');
    expect(await line).toBe('held');
    theirs.send('release');
    expect(await theirs.line()).toBe('released');
    await theirs.exited;
  });

  /** The time in which a Python process that started later has taken a lock that was free. */
  const probe = async (): Promise<void> => {
    const other = startPeer('hold', lockName('probe'));
    expect(await other.line()).toBe('held');
    other.send('release');
    await other.exited;
  };

  it('guard a counter together', { timeout: 60_000 }, async () => {
    const name = lockName('together');
    const file = path.join(dir, 'counter');
    writeFileSync(file, '0');
    const options = JSON.stringify({ ...defaults, url, clock: undefined, log: undefined });
    const members = [
      startPeer('count', name, file, '30'),
      startPeer('count', name, file, '30'),
      await spawnMember(options, 'count', name, file, '30'),
      await spawnMember(options, 'count', name, file, '30'),
    ];
    for (const member of members) expect(await member.line()).toBe('done');
    expect(Number(readFileSync(file, 'utf8'))).toBe(120);
    await eventually(async () => !(await ours.holders()).some((holder) => holder.name === `cinder-${name}`));
  });
});
