import type { ConfirmChannel, Message, Options } from 'amqplib';
import { randomUUID } from 'node:crypto';
import { raceAbort } from '../../kernel/abort.ts';
import type { Health } from '../../kernel/component.ts';
import { messageOf, toError } from '../../kernel/errors.ts';
import { FifoSemaphore } from '../../kernel/fifo-semaphore.ts';
import type { Logger } from '../../log/logger.ts';
import { PublishError, describeAddress } from '../transport.ts';
import type { Address, OutgoingMessage } from '../transport.ts';
import { ChannelKeeper } from './channel-keeper.ts';
import type { OpenChannel } from './channel-keeper.ts';
import type { RabbitConnection } from './rabbit-connection.ts';
import type { RabbitOptions } from './rabbit-options.ts';
import { declareFanoutExchange, declareTopic, topicExchange } from './topology.ts';

/** Unconfirmed messages at a time; it bounds what is held in memory for a broker that has stopped reading. */
const MAX_IN_FLIGHT = 128;

/** Publishes on one confirm channel: a message counts as sent when the broker has said so. */
export class RabbitPublisher {
  readonly #options: RabbitOptions;
  readonly #keeper: ChannelKeeper<ConfirmChannel>;
  readonly #slots = new FifoSemaphore(MAX_IN_FLIGHT);
  /** Ids of mandatory messages that came back: the return always precedes the confirmation. */
  readonly #returned = new Set<string>();
  /** What was declared on the present channel; one may have deleted it while we were away. */
  readonly #declared = new Map<string, Promise<void>>();

  constructor(connection: RabbitConnection, options: RabbitOptions, log: Logger) {
    this.#options = options;
    this.#keeper = new ChannelKeeper({
      connection,
      log: log.child({ channel: 'publisher' }),
      open: (model) => model.createConfirmChannel(),
      setUp: (opened) => this.#setUp(opened.channel),
    });
  }

  start(): void {
    this.#keeper.start();
  }

  async ready(signal: AbortSignal): Promise<void> {
    await this.#keeper.current(signal);
  }

  async stop(): Promise<void> {
    await this.#keeper.stop();
  }

  health(): Health {
    return this.#keeper.opened === undefined
      ? { ok: false, detail: `publisher: ${this.#keeper.problem}` }
      : { ok: true };
  }

  async publish(message: OutgoingMessage, signal: AbortSignal): Promise<'delivered' | 'unroutable'> {
    const release = await this.#slots.acquire(signal);
    try {
      const opened = await this.#prepared(message.to, signal);
      return await this.#send(opened, message, signal);
    } finally {
      release();
    }
  }

  async #setUp(channel: ConfirmChannel): Promise<void> {
    this.#declared.clear();
    this.#returned.clear();
    channel.on('return', (message: Message) => {
      const messageId: unknown = message.properties.messageId;
      if (typeof messageId === 'string') this.#returned.add(messageId);
    });
    return Promise.resolve();
  }

  /** A channel on which the message's exchange is declared. Nothing has been sent when this throws. */
  async #prepared(to: Address, signal: AbortSignal): Promise<OpenChannel<ConfirmChannel>> {
    try {
      const opened = await this.#keeper.current(signal);
      await raceAbort(raceAbort(this.#declare(opened.channel, to), opened.closed), signal);
      return opened;
    } catch (cause) {
      throw new PublishError(`${describeAddress(to)}: ${messageOf(cause)}`, 'not-started', { cause });
    }
  }

  #declare(channel: ConfirmChannel, to: Address): Promise<void> {
    // A fanout's exchange vanishes with its last reader, so having declared it once proves nothing.
    if (to.kind === 'fanout') return declareFanoutExchange(channel, to.topic, this.#options);
    if (to.kind === 'queue') return Promise.resolve();
    const name = to.kind === 'topic' ? to.exchange : describeAddress(to);
    const known = this.#declared.get(name);
    if (known !== undefined) return known;
    const declaring =
      to.kind === 'notification'
        ? declareTopic(channel, to.exchange, to.key, this.#options)
        : channel.assertExchange(to.exchange, 'topic', topicExchange(this.#options)).then(() => undefined);
    this.#declared.set(name, declaring);
    declaring.catch(() => this.#declared.delete(name));
    return declaring;
  }

  async #send(
    { channel, closed }: OpenChannel<ConfirmChannel>,
    message: OutgoingMessage,
    signal: AbortSignal,
  ): Promise<'delivered' | 'unroutable'> {
    const messageId = message.mandatory === true ? randomUUID() : undefined;
    const { exchange, key } = route(message.to);
    const confirmed = new Promise<void>((resolve, reject) => {
      const onConfirm = (error: unknown): void => (error === null ? resolve() : reject(toError(error)));
      channel.publish(exchange, key, message.body, properties(message, messageId), onConfirm);
    });
    try {
      await raceAbort(raceAbort(confirmed, closed), signal);
    } catch (cause) {
      throw new PublishError(`${describeAddress(message.to)}: ${messageOf(cause)}`, 'unknown', { cause });
    }
    return messageId !== undefined && this.#returned.delete(messageId) ? 'unroutable' : 'delivered';
  }
}

function route(to: Address): { exchange: string; key: string } {
  switch (to.kind) {
    case 'queue':
      return { exchange: '', key: to.name };
    case 'fanout':
      return { exchange: `${to.topic}_fanout`, key: '' };
    default:
      return { exchange: to.exchange, key: to.key };
  }
}

/** oslo's properties. A message id is sent only where a return must be told from others. */
function properties(message: OutgoingMessage, messageId: string | undefined): Options.Publish {
  return {
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: 2,
    priority: 0,
    headers: {},
    mandatory: message.mandatory ?? false,
    ...(messageId !== undefined && { messageId }),
    ...(message.expirationMs !== undefined && { expiration: String(message.expirationMs) }),
  };
}
