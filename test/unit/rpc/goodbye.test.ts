import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { never, raceAbort } from '../../../src/kernel/abort.ts';
import { noTally } from '../../../src/kernel/tally.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { randomNames } from '../../../src/rpc/queue-names.ts';
import { ReplySender } from '../../../src/rpc/reply-sender.ts';
import { RpcClient } from '../../../src/rpc/rpc-client.ts';
import { RpcServer } from '../../../src/rpc/rpc-server.ts';
import type { Transport } from '../../../src/rpc/transport.ts';
import { FakeService, target } from './rpc-harness.ts';

/** Its broker has stood still since all was declared: nothing is answered any more. */
const standsStill = {
  names: randomNames,
  listen: () => ({
    ready: () => Promise.resolve(),
    cancel: () => new Promise(() => undefined),
    close: () => new Promise(() => undefined),
    health: () => ({ ok: true }),
  }),
  publish: (_message: unknown, signal: AbortSignal) => raceAbort(new Promise(() => undefined), signal),
} as unknown as Transport;

describe('a broker that stands still', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const server = async (): Promise<RpcServer> => {
    const replies = new ReplySender({ transport: standsStill, log: silentLogger, giveUpAfterMs: 1_000 });
    const of = { exchange: 'openstack', topic: target.topic, server: 'h' };
    const limits = { prefetch: 10, maxCalls: 10, responseTimeoutMs: () => 60_000, pingEnabled: false };
    const given = { transport: standsStill, service: new FakeService(), replies, log: silentLogger, tally: noTally };
    const made = new RpcServer({ ...given, ...limits, target: of });
    await made.start(never);
    return made;
  };

  it('holds up the stop of a server and of a client for some seconds at most', async () => {
    const client = new RpcClient({ transport: standsStill, controlExchange: 'openstack', log: silentLogger });
    const calling = client.call(target, 'call_it', '3.0', {}, { timeoutMs: 500, signal: never });
    const failed = expect(calling).rejects.toThrow('no answer within 500 ms');
    await vi.advanceTimersByTimeAsync(500);
    await failed;
    const stopped = Promise.all([(await server()).stop({ force: never }), client.stop({ force: never })]);
    await vi.advanceTimersByTimeAsync(5_000);
    await expect(stopped).resolves.toHaveLength(2);
  });

  it('holds up a forced one not at all', async () => {
    await expect((await server()).stop({ force: AbortSignal.abort() })).resolves.toBeUndefined();
  });
});
