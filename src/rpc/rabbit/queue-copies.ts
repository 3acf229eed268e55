import { randomUUID } from 'node:crypto';
import type { Channel, ConsumeMessage } from 'amqplib';
import { raceAbort, sharedAbort } from '../../kernel/abort.ts';
import { messageOf, toError } from '../../kernel/errors.ts';
import type { Logger } from '../../log/logger.ts';
import type { QueueSpec } from '../transport.ts';
import { closeQuietly } from './channel-keeper.ts';
import { isMissingQueue, replyCodeOf } from './missing-queue.ts';
import type { RabbitConnection } from './rabbit-connection.ts';
import type { RabbitOptions } from './rabbit-options.ts';
import { declareCopies, losesTopics } from './topology.ts';
import { unpackBody } from './unpack.ts';

/** What stands last in the queue for the time of a look; a look that ended before leaves it for so long. */
const END_TYPE = 'cinder_volume_aa.end_of_copies';
const END_TTL_MS = 60_000;

export interface QueueCopiesOptions {
  readonly inward: RabbitConnection;
  /** Who has published is not read from while the broker is short of memory: no consumer's connection must have. */
  readonly outward: RabbitConnection;
  readonly options: RabbitOptions;
  readonly log: Logger;
}

type Copied = Extract<QueueSpec, { kind: 'topic' }> & { readonly copies: string };

/**
 * Queues that keep copies of requests over a restart of the broker, where the queues of requests do not stay. A service
 * works without them: whatever the broker refuses here is a warning, once, and tried again from time to time.
 */
export class QueueCopies {
  readonly #given: QueueCopiesOptions;
  /** By queue of copies. */
  readonly #problems = new Map<string, string>();

  constructor(given: QueueCopiesOptions) {
    this.#given = given;
  }

  /** Declares and binds the copies of these queues. Rejects only when the signal aborts. */
  async keep(queues: readonly QueueSpec[], signal: AbortSignal): Promise<void> {
    if (!losesTopics(this.#given.options)) return;
    const copied = queues.filter(isCopied);
    for (const name of new Set(copied.map(({ copies }) => copies))) {
      const problem = await this.#declare(
        copied.filter(({ copies }) => copies === name),
        signal,
      );
      this.#tell(name, problem);
    }
  }

  /** See `Transport.readCopies`. The broker lets one consume alone; the copies go back when the channel closes. */
  async read(queue: string, onCopy: (body: Buffer) => void, signal: AbortSignal): Promise<void> {
    if (!losesTopics(this.#given.options)) return;
    try {
      await onChannel(this.#given.outward, signal, (channel) => this.#readAll(channel, queue, onCopy));
    } catch (error) {
      if (!isMissingQueue(error)) throw error;
    }
  }

  /** What went wrong. */
  async #declare(queues: readonly Copied[], signal: AbortSignal): Promise<string | undefined> {
    try {
      await onChannel(this.#given.inward, signal, async (channel) => {
        for (const queue of queues) await declareCopies(channel, queue, this.#given.options);
      });
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      return explain(error);
    }
  }

  /** What is in the queue comes in its order, so that our own message, which is the last, ends the look. */
  async #readAll(channel: Channel, queue: string, onCopy: (body: Buffer) => void): Promise<void> {
    const end = randomUUID();
    let onEnd: (wasDeleted: boolean) => void = () => undefined;
    const ended = new Promise<boolean>((resolve) => (onEnd = resolve));
    const onMessage = (message: ConsumeMessage | null): void => {
      if (message === null) onEnd(true);
      else if (message.properties.messageId === end) {
        channel.ack(message);
        onEnd(false);
      } else if (message.properties.type !== END_TYPE) this.#show(message, onCopy);
    };
    await channel.consume(queue, onMessage, { exclusive: true });
    channel.sendToQueue(queue, Buffer.from('{}'), { messageId: end, type: END_TYPE, expiration: String(END_TTL_MS) });
    if (await ended) throw new Error(`the queue ${queue} was deleted while it was read`);
  }

  #show(message: ConsumeMessage, onCopy: (body: Buffer) => void): void {
    let body: Buffer;
    try {
      body = unpackBody(message.content, message.properties.headers);
    } catch (error) {
      this.#given.log.debug({ err: toError(error) }, 'skipped a copy that cannot be unpacked');
      return;
    }
    onCopy(body);
  }

  #tell(queue: string, problem: string | undefined): void {
    const before = this.#problems.get(queue);
    if (problem === before) return;
    if (problem === undefined) {
      this.#problems.delete(queue);
      this.#given.log.info({ queue }, 'copies of requests are kept again');
      return;
    }
    this.#problems.set(queue, problem);
    const what = `no copies of requests are kept in ${queue}: a broker that forgets them takes them with it`;
    this.#given.log.warn({ queue }, `${what}: ${problem}`);
  }
}

/** On a channel of its own: what the broker refuses ends the channel. */
async function onChannel(
  connection: RabbitConnection,
  signal: AbortSignal,
  work: (channel: Channel) => Promise<void>,
): Promise<void> {
  const model = await connection.current(signal);
  const opening = model.createChannel();
  const channel = await raceAbort(opening, signal).catch((error: unknown) => {
    opening.then((late) => late.close()).catch(() => undefined);
    throw error;
  });
  const closed = sharedAbort();
  channel.on('error', (error) => closed.abort(error));
  channel.on('close', () => closed.abort(new Error('the channel was closed')));
  try {
    await raceAbort(raceAbort(work(channel), signal), closed.signal);
  } finally {
    await raceAbort(closeQuietly(channel, closed.signal), signal).catch(() => undefined);
  }
}

function isCopied(queue: QueueSpec): queue is Copied {
  return queue.kind === 'topic' && queue.copies !== undefined;
}

/** What the broker refused, with what an operator can do about it. */
function explain(error: unknown): string {
  const fixes: Readonly<Record<number, string>> = {
    403: 'let the account configure, write and read queues of that name, or set [cinder_volume_aa] keep_copies = false',
    404: 'the broker does not reach it, perhaps because the node that has it is down',
    406: 'a queue of that name has other flags: delete it',
  };
  const code = replyCodeOf(error);
  const fix = typeof code === 'number' ? fixes[code] : undefined;
  return fix === undefined ? messageOf(error) : `${messageOf(error)} (${fix})`;
}
