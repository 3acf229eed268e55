import { connect } from 'node:net';
import { once } from 'node:events';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { lockName } from '../../../src/coordination/lock-names.ts';
import { startMember, stopMember } from '../../contract/coordinator/members.ts';
import { startMariadb, startMemcached, type TestServer } from '../../support/servers.ts';
import { buildOnce } from '../../support/shared-servers.ts';

const forever = new AbortController().signal;
const name = lockName('busy');
const waitMs = 4000;

interface Service {
  readonly kind: 'memcached' | 'mysql';
  start(): Promise<TestServer>;
  url(port: number): string;
  /** As a client of Tooz writes it, and the way to end it. */
  takeAsPython(port: number): Promise<() => Promise<unknown>>;
  /** How many commands the server has had that look for a lock. */
  looks(port: number): Promise<number>;
}

const services: readonly Service[] = [
  {
    kind: 'memcached',
    start: startMemcached,
    url: (port) => `memcached://127.0.0.1:${port}?lock_timeout=30`,
    takeAsPython: async (port) => {
      const holder = 'cinder-6f0b1de0-3c0b-4c0e-9d7c-0a8ef2a4f9a5';
      await askMemcached(port, `add __TOOZ_LOCK_cinder-${name} 1 60 ${holder.length}\r\n${holder}`);
      return () => askMemcached(port, `delete __TOOZ_LOCK_cinder-${name}`);
    },
    looks: async (port) => Number(/STAT cmd_set (\d+)/.exec(await askMemcached(port, 'stats'))?.[1]),
  },
  {
    kind: 'mysql',
    start: () => startMariadb(),
    url: (port) => `mysql://root:@127.0.0.1:${port}/mysql`,
    takeAsPython: async (port) => {
      const session = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root' });
      await session.query('SELECT GET_LOCK(?, 0)', [`cinder-${name}`]);
      return () => session.end();
    },
    looks: async (port) => {
      const session = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root' });
      const [rows] = await session.query<RowDataPacket[]>("SHOW GLOBAL STATUS LIKE 'Com_select'");
      await session.end();
      return Number(rows[0]?.['Value']);
    },
  },
];

beforeAll(async () => {
  await buildOnce();
});

describe.each(services)('a lock that Python’s clients take on $kind', (service) => {
  const cleanUps: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  /** How often a member looks for the lock in `waitMs`, held by another all the time. */
  async function looksWhileHeld(port: number): Promise<number> {
    const member = await startMember({ url: service.url(port), heartbeatMs: 2000 });
    cleanUps.push(() => stopMember(member));
    const before = await service.looks(port);
    await expect(member.acquire([name], { waitMs, signal: forever })).rejects.toThrow('not to be had');
    return (await service.looks(port)) - before;
  }

  it('is looked for as seldom as they look; one of our own oftener', { timeout: 60_000 }, async () => {
    const server = await service.start();
    cleanUps.push(() => server.stop());
    const letGo = await service.takeAsPython(server.port);
    const besidePython = await looksWhileHeld(server.port);
    await letGo();
    const ours = await startMember({ url: service.url(server.port) });
    cleanUps.push(() => stopMember(ours));
    await using _lease = await ours.acquire([name], { waitMs: 10_000, signal: forever });
    const besideOurs = await looksWhileHeld(server.port);
    // The mean pause is 1 s, or 60 ms.
    expect(besidePython).toBeLessThan(25);
    expect(besideOurs).toBeGreaterThan(25);
  });
});

/** The answer to one command, whose last line is its whole or ends with END. */
async function askMemcached(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.setEncoding('utf8').write(`${command}\r\n`);
    let answer = '';
    for (;;) {
      const [chunk] = (await once(socket, 'data')) as [string];
      answer += chunk;
      if (/(STORED|DELETED|NOT_FOUND|END)\r\n$/.test(answer)) return answer;
    }
  } finally {
    socket.destroy();
  }
}
