import zookeeper from 'node-zookeeper-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ZookeeperSession } from '../../../src/coordination/drivers/zookeeper-session.ts';
import { lockName } from '../../../src/coordination/lock-names.ts';
import { parseBackendSpec } from '../../../src/coordination/parse-spec.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { startMember, stopMember } from '../../contract/coordinator/members.ts';
import { eventually } from '../../support/poll.ts';
import { startZookeeper } from '../../support/servers.ts';

const forever = new AbortController().signal;
let server: Awaited<ReturnType<typeof startZookeeper>>;

beforeAll(async () => {
  server = await startZookeeper();
});
afterAll(() => server.stop());

async function openSession(): Promise<ZookeeperSession> {
  const reconnect = { initialMs: 10, maxMs: 100 };
  const options = { memberId: 'test', heartbeatMs: 1000, reconnect, redisKeyForm: 'both' } as const;
  const spec = parseBackendSpec(server.url, options);
  if (spec.kind !== 'zookeeper') throw new Error(spec.kind);
  const session = new ZookeeperSession(spec, { clock: new BootClock(), log: silentLogger, mayRenew: () => true });
  session.open();
  await session.whenProven(forever);
  return session;
}

const make = (session: ZookeeperSession, path: string): Promise<unknown> =>
  session.call('make', (client, done) => client.mkdirp(path, done));
const remove = (session: ZookeeperSession, path: string): Promise<unknown> =>
  session.call('remove', (client, done) => client.remove(path, (error) => done(error, undefined)));

describe('watches on several nodes of ZooKeeper', () => {
  it('tell of one that had gone before, and of the others when they go', async () => {
    const [watcher, other] = await Promise.all([openSession(), openSession()]);
    for (const name of ['first', 'second', 'third']) await make(watcher, `/watched/${name}`);
    await remove(other, '/watched/first');
    const gone: string[] = [];
    const onEvent = ({ type, path }: zookeeper.Event): void =>
      void gone.push(type === zookeeper.Event.NODE_DELETED ? path : `${path}: ${type}`);
    await watcher.watch(['/watched/first', '/watched/second', '/watched/third'], onEvent);
    expect(gone).toEqual(['/watched/first']);
    watcher.unwatch(['/watched/third'], onEvent);
    await remove(other, '/watched/third');
    await remove(other, '/watched/second');
    await eventually(() => gone.length > 1);
    expect(gone).toEqual(['/watched/first', '/watched/second']);
    await Promise.all([watcher, other].map((session) => session.close(forever)));
  });

  it('are forgotten with the waits that were given up', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    const [owner, waiter] = await Promise.all([startMember({ url: server.url }), startMember({ url: server.url })]);
    const name = lockName('long');
    const lease = await owner.acquire([name], { waitMs: 1000, signal: forever });
    // Node warns of more than ten listeners for one thing.
    for (let i = 0; i < 12; i += 1) {
      await expect(waiter.acquire([name], { waitMs: 100, signal: forever })).rejects.toThrow('not to be had');
    }
    await lease.release();
    await (await waiter.acquire([name], { waitMs: 5000, signal: forever })).release();
    await Promise.all([owner, waiter].map(stopMember));
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });
});
