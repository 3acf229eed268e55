import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Coordinator } from '../../../src/coordination/coordinator.ts';
import { lockName } from '../../../src/coordination/lock-names.ts';
import { startMember, stopMember } from '../../contract/coordinator/members.ts';
import { freePort } from '../../support/free-port.ts';
import { eventually } from '../../support/poll.ts';
import { expectAnswer } from '../../support/redis-server.ts';
import { startServerProcess } from '../../support/server-process.ts';
import { startRedis, type RedisServer } from '../../support/servers.ts';
import { buildOnce } from '../../support/shared-servers.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';

/** A sentinel that watches `master` alone and has the last word by itself. */
async function startSentinel(master: RedisServer): Promise<TestServer> {
  const port = await freePort();
  return startTestServer('sentinel', {
    port,
    graceMs: 2000,
    launch: async (dir) => {
      const config = path.join(dir, 'sentinel.conf');
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${dir}`,
        `sentinel monitor locks 127.0.0.1 ${master.port} 1`,
        'sentinel down-after-milliseconds locks 1000',
        'sentinel failover-timeout locks 5000',
      ];
      await writeFile(config, `${lines.join('\n')}\n`);
      return startServerProcess({
        name: 'redis-sentinel',
        argv: ['redis-server', config, '--sentinel'],
        cwd: dir,
        logFile: path.join(dir, 'sentinel.log'),
        ready: () => expectAnswer(port, 'PING\r\n', /^\+PONG/),
        readyWithinMs: 20_000,
      });
    },
  });
}

const forever = new AbortController().signal;
let master: RedisServer;
let replica: RedisServer;
let sentinel: TestServer;
let member: Coordinator;

const ask = async <T>(url: string, question: (client: Redis) => Promise<T>): Promise<T> => {
  const client = new Redis(url, { protocol: 2 });
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
};

beforeAll(async () => {
  await buildOnce();
  [master, replica] = await Promise.all([startRedis(), startRedis()]);
  await ask(replica.url, (client) => client.replicaof('127.0.0.1', master.port));
  await eventually(async () =>
    (await ask(replica.url, (client) => client.info('replication'))).includes('link_status:up'),
  );
  sentinel = await startSentinel(master);
  const sentinelUrl = `redis://127.0.0.1:${sentinel.port}`;
  // It may only fail over to a replica that it has found.
  await eventually(async () => {
    const found = await ask(sentinelUrl, (client) => client.call('SENTINEL', 'REPLICAS', 'locks'));
    return Array.isArray(found) && found.length > 0;
  });
  const nobody = await freePort();
  member = await startMember({
    url: `redis://127.0.0.1:${nobody}?sentinel=locks&sentinel_fallback=127.0.0.1:${sentinel.port}&lock_timeout=5`,
  });
});
afterAll(async () => {
  await stopMember(member);
  await Promise.all([sentinel.stop(), master.stop(), replica.stop()]);
});

it('finds the master through a fallback sentinel, and the next one when it dies, without a restart', async () => {
  const name = lockName('sentinel');
  const take = () => member.acquire([name], { waitMs: 18_000, signal: forever });
  const lease = await take();
  const token = await ask(master.url, (client) => client.get(`_tooz_cinder-${name}_lock`));
  expect(token).toMatch(/^[0-9a-f]{32}$/);
  await lease.release();
  await master.kill();
  await eventually(() => !member.health().ok);
  const next = await take();
  next.assertHeld();
  await expect(ask(replica.url, (client) => client.get(`_tooz_cinder-${name}_lock`))).resolves.not.toBeNull();
  await expect(next.release()).resolves.toBe('released');
  await eventually(() => member.health().ok);
}, 40_000);
