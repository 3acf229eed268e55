import type { Channel, ConsumeMessage } from 'amqplib';
import type { Health } from '../../kernel/component.ts';
import { toError } from '../../kernel/errors.ts';
import type { Logger } from '../../log/logger.ts';
import type { Delivery, Listener, ListenOptions, QueueSpec } from '../transport.ts';
import { ChannelKeeper } from './channel-keeper.ts';
import type { OpenChannel } from './channel-keeper.ts';
import type { QueueCopies } from './queue-copies.ts';
import type { RabbitConnection } from './rabbit-connection.ts';
import type { RabbitOptions } from './rabbit-options.ts';
import { declareQueue } from './topology.ts';
import { unpackBody } from './unpack.ts';

/**
 * Consumes some queues on one channel. After every interruption all is declared and consumed again under the same
 * names; a queue that was deleted under its consumer is made again on the same channel, so that what was delivered
 * from the others stays ours. A stream, which all readers share, is read from where it had come to; at first from its
 * end: what was said before we were there was not said to us.
 */
export class RabbitListener implements Listener {
  readonly #given: ListenOptions;
  readonly #options: RabbitOptions;
  readonly #copies: QueueCopies;
  readonly #log: Logger;
  readonly #keeper: ChannelKeeper<Channel>;
  /** The consumer's tag of each queue that is consumed at present. */
  readonly #consumed = new Map<QueueSpec, string>();
  /** Where to read on in each stream. */
  readonly #offsets = new Map<QueueSpec, number>();
  #cancelled = false;

  constructor(
    given: ListenOptions,
    {
      connection,
      copies,
      options,
      log,
    }: {
      readonly connection: RabbitConnection;
      readonly copies: QueueCopies;
      readonly options: RabbitOptions;
      readonly log: Logger;
    },
  ) {
    this.#given = given;
    this.#options = options;
    this.#copies = copies;
    this.#log = log.child({ listener: given.name });
    this.#keeper = new ChannelKeeper({
      connection,
      log: this.#log,
      open: (model) => model.createChannel(),
      setUp: (opened) => this.#setUp(opened),
    });
  }

  get queues(): readonly QueueSpec[] {
    return this.#given.queues;
  }

  start(): void {
    this.#keeper.start();
  }

  async ready(signal: AbortSignal): Promise<void> {
    await this.#keeper.current(signal);
  }

  async cancel(): Promise<void> {
    this.#cancelled = true;
    const channel = this.#keeper.opened?.channel;
    const tags = [...this.#consumed.values()];
    this.#consumed.clear();
    // A channel that ends meanwhile has no consumers either.
    if (channel !== undefined) await Promise.allSettled(tags.map((tag) => attempt(() => channel.cancel(tag))));
  }

  async close(): Promise<void> {
    await this.cancel();
    // A stream is everybody's, and a queue that has its name for ever is left for whoever has that name next.
    const { rabbitStreamFanout, useQueueManager } = this.#options;
    const stay = rabbitStreamFanout || useQueueManager;
    const gone = stay ? [] : this.#given.queues.filter((queue) => queue.kind === 'fanout');
    await this.#keeper.stop(async (channel) => {
      for (const { name } of gone) await channel.deleteQueue(name);
    });
  }

  health(): Health {
    const { name, queues } = this.#given;
    if (this.#keeper.opened === undefined) return { ok: false, detail: `${name}: ${this.#keeper.problem}` };
    const missing = queues.filter((queue) => !this.#consumed.has(queue)).map((queue) => queue.name);
    if (missing.length === 0) return { ok: true };
    return { ok: false, detail: `${name}: not consuming ${missing.join(', ')}` };
  }

  async #setUp(opened: OpenChannel<Channel>): Promise<void> {
    this.#consumed.clear();
    await opened.channel.prefetch(this.#given.prefetch);
    // First: nothing shall come to a queue of which no copy is kept.
    await this.#copies.keep(this.#given.queues, opened.closed);
    for (const queue of this.#given.queues) await this.#consume(opened, queue);
  }

  async #consume(opened: OpenChannel<Channel>, queue: QueueSpec): Promise<void> {
    const { channel } = opened;
    await declareQueue(channel, queue, this.#options);
    if (this.#cancelled) return;
    const onMessage = (message: ConsumeMessage | null): void => {
      if (message === null) this.#onCancelledByBroker(opened, queue);
      else this.#onMessage(opened, queue, message);
    };
    const { consumerTag } = await channel.consume(queue.name, onMessage, { arguments: this.#consumerArguments(queue) });
    this.#consumed.set(queue, consumerTag);
    if (this.#cancelled) await channel.cancel(consumerTag);
  }

  #isStream(queue: QueueSpec): boolean {
    return queue.kind === 'fanout' && this.#options.rabbitStreamFanout;
  }

  #consumerArguments(queue: QueueSpec): Record<string, unknown> {
    if (this.#isStream(queue)) {
      const value = this.#offsets.get(queue);
      return { 'x-stream-offset': value === undefined ? 'next' : { '!': 'long', value } };
    }
    return this.#options.enableCancelOnFailover ? { 'x-cancel-on-ha-failover': true } : {};
  }

  /** The queue was deleted, or has moved to another node. */
  #onCancelledByBroker(opened: OpenChannel<Channel>, queue: QueueSpec): void {
    this.#log.warn({ queue: queue.name }, 'the broker has cancelled a consumer; consuming the queue again');
    this.#consumed.delete(queue);
    // Another stream may begin under the name of a deleted one, and count from zero.
    this.#offsets.delete(queue);
    if (this.#cancelled) return;
    this.#consumeAgain(opened, queue).catch((error: unknown) => {
      this.#log.warn({ err: toError(error), queue: queue.name }, 'could not consume the queue again; new channel');
      // If the error has not ended the channel by itself, it must end now: that is what sets all up again.
      attempt(() => opened.channel.close()).catch(() => undefined);
    });
  }

  async #consumeAgain(opened: OpenChannel<Channel>, queue: QueueSpec): Promise<void> {
    await this.#copies.keep([queue], opened.closed);
    await this.#consume(opened, queue);
  }

  #onMessage(opened: OpenChannel<Channel>, queue: QueueSpec, message: ConsumeMessage): void {
    const offset: unknown = message.properties.headers?.['x-stream-offset'];
    if (this.#isStream(queue) && typeof offset === 'number') this.#offsets.set(queue, offset + 1);
    const answer = once((send: (channel: Channel) => void) => {
      if (!opened.closed.aborted) send(opened.channel);
    }, this.#log);
    const reject = (): void => answer((channel) => channel.reject(message, false));
    let body: Buffer;
    try {
      body = unpackBody(message.content, message.properties.headers);
    } catch (error) {
      this.#log.error({ err: toError(error), queue: queue.name }, 'dropped a message that cannot be unpacked');
      reject();
      return;
    }
    const delivery: Delivery = {
      body,
      queue: queue.name,
      redelivered: message.fields.redelivered,
      expirationMs: readExpiration(message.properties.expiration),
      lost: opened.closed,
      ack: () => answer((channel) => channel.ack(message)),
      reject,
      requeue: () => answer((channel) => channel.reject(message, true)),
    };
    this.#given.onDelivery(delivery);
  }
}

/** Only the first answer counts: a second one would be a protocol error, which ends the channel. */
function once(answer: (send: (channel: Channel) => void) => void, log: Logger): typeof answer {
  let answered = false;
  return (send) => {
    if (answered) return;
    answered = true;
    try {
      answer(send);
    } catch (error) {
      // The channel is closing: the broker hands the message out again.
      log.debug({ err: toError(error) }, 'an answer to a delivery could not be sent');
    }
  };
}

/** amqplib throws at once, rather than rejecting, on a channel that has ended. */
async function attempt(work: () => Promise<unknown>): Promise<void> {
  await work();
}

function readExpiration(value: unknown): number | null {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
