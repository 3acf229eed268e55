import type { ChannelModel } from 'amqplib';
import { AppError, messageOf } from '../../kernel/errors.ts';
import { parseTransportUrl } from '../transport-url.ts';
import { isMissingQueue } from './missing-queue.ts';
import { withUrlOptions, type RabbitOptions } from './rabbit-options.ts';
import { openConnection } from './rabbit-socket.ts';

/** No broker could be asked. */
export class NoBrokerError extends AppError {
  readonly code = 'NO_BROKER';
}

/**
 * How many messages wait in each queue; null: there is no such queue. Nothing is declared. Those that a consumer holds
 * un-acked are not among them. A hub has no queues worth asking about: they end with it.
 *
 * @throws NoBrokerError if none of the hosts in the URL lets us in
 */
export async function queueDepths(
  given: { readonly url: string; readonly options: RabbitOptions },
  queues: readonly string[],
): Promise<ReadonlyMap<string, number | null>> {
  const url = parseTransportUrl(given.url);
  if (url.driver === 'hub') return new Map(queues.map((queue) => [queue, null]));
  const options = withUrlOptions(given.options, url.options);
  const problems: string[] = [];
  for (const host of url.hosts) {
    try {
      const model = await openConnection(host, url.path, options);
      return await ask(model, queues);
    } catch (error) {
      problems.push(`${host.host}:${host.port}: ${messageOf(error)}`);
    }
  }
  throw new NoBrokerError(`cannot ask RabbitMQ: ${problems.join('; ')}`, { outcome: 'not-started' });
}

async function ask(model: ChannelModel, queues: readonly string[]): Promise<ReadonlyMap<string, number | null>> {
  model.on('error', () => undefined);
  try {
    const depths = new Map<string, number | null>();
    for (const queue of queues) depths.set(queue, await depth(model, queue));
    return depths;
  } finally {
    await model.close().catch(() => undefined);
  }
}

/** A channel for each: the broker closes it where the queue does not exist. */
async function depth(model: ChannelModel, queue: string): Promise<number | null> {
  const channel = await model.createChannel();
  channel.on('error', () => undefined);
  try {
    const { messageCount } = await channel.checkQueue(queue);
    await channel.close();
    return messageCount;
  } catch (error) {
    if (isMissingQueue(error)) return null;
    throw error;
  }
}
