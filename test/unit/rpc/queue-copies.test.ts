import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { QueueCopies } from '../../../src/rpc/rabbit/queue-copies.ts';
import type { RabbitConnection } from '../../../src/rpc/rabbit/rabbit-connection.ts';
import { defaultRabbitOptions } from '../../contract/transport/rabbit-defaults.ts';

/** A connection whose broker answers every consumer so. In place of a cluster of which one node is down. */
function refusing(text: string): RabbitConnection {
  const error = Object.assign(new Error(`Channel closed by server: 404 (NOT-FOUND) with message "${text}"`), {
    code: 404,
  });
  const channel = Object.assign(new EventEmitter(), {
    consume: () => Promise.reject(error),
    close: () => Promise.resolve(),
  });
  const model = { createChannel: () => Promise.resolve(channel) };
  return { current: () => Promise.resolve(model) } as unknown as RabbitConnection;
}

function read(text: string): Promise<void> {
  const connection = refusing(text);
  const copies = new QueueCopies({
    inward: connection,
    outward: connection,
    options: defaultRabbitOptions(),
    log: silentLogger,
  });
  return copies.read('q', () => undefined, AbortSignal.timeout(5_000));
}

it('takes a queue of copies that does not exist for one without copies', async () => {
  await expect(read("NOT_FOUND - no queue 'q' in vhost '/'")).resolves.toBeUndefined();
});

it('does not take a queue of copies whose node is down for one without copies', async () => {
  const down = "NOT_FOUND - home node 'rabbit@b' of durable queue 'q' in vhost '/' is down or inaccessible";
  await expect(read(down)).rejects.toThrow('is down or inaccessible');
});
