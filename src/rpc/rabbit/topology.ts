import type { Channel } from 'amqplib';
import type { QueueSpec } from '../transport.ts';
import type { RabbitOptions } from './rabbit-options.ts';

/*
 * The flags and arguments of exchanges and queues, as oslo.messaging declares them. The broker refuses whoever declares
 * an existing queue otherwise (406 PRECONDITION_FAILED), so a difference here locks out either us or the Python peers.
 */

export interface ExchangeFlags {
  readonly durable: boolean;
  readonly autoDelete: boolean;
}

type Argument = string | { readonly '!': 'int' | 'long'; readonly value: number };

export interface QueueFlags extends ExchangeFlags {
  readonly arguments: Readonly<Record<string, Argument>>;
}

/** The exchange of topics and notifications. */
export function topicExchange(options: RabbitOptions): ExchangeFlags {
  return { durable: options.amqpDurableQueues || options.rabbitQuorumQueue, autoDelete: options.amqpAutoDelete };
}

export function fanoutExchange(options: RabbitOptions): ExchangeFlags {
  return { durable: options.rabbitTransientQuorumQueue, autoDelete: true };
}

/** A queue of a topic, or of notifications. */
export function topicQueue(options: RabbitOptions): QueueFlags {
  return { ...topicExchange(options), arguments: replication(options, options.rabbitQuorumQueue) };
}

/** A fanout's or a caller's queue: the broker removes it when nobody has read it for a while. */
export function transientQueue(options: RabbitOptions): QueueFlags {
  const { rabbitTransientQuorumQueue: quorum, rabbitTransientQueuesTtlMs: ttlMs } = options;
  const expires = ttlMs > 0 ? { 'x-expires': int(ttlMs) } : {};
  return { durable: quorum, autoDelete: false, arguments: { ...replication(options, quorum), ...expires } };
}

/** What all readers of a topic's fanout share where `rabbit_stream_fanout` is set: a log, kept for as long as the TTL. */
export function streamQueue({ rabbitTransientQueuesTtlMs: ttlMs }: RabbitOptions): QueueFlags {
  const age = ttlMs > 0 ? { 'x-max-age': `${Math.floor(ttlMs / 1000)}s` } : {};
  return { durable: true, autoDelete: false, arguments: { 'x-queue-type': 'stream', ...age } };
}

/** Older copies tell nothing: what came so long ago was looked for, or is not missed. */
const COPY_TTL_MS = 30 * 60_000;

/** Of the broker's disk, for one backend. The oldest go first. */
const COPIES_MAX_BYTES = 64 * 1024 * 1024;

/** When no replica is left that declares the queue from time to time. */
const COPIES_EXPIRE_MS = 24 * 3600_000;

/** Whether a restart of the broker takes the queues of topics with it, and with them what nobody had received. */
export function losesTopics(options: RabbitOptions): boolean {
  return !topicExchange(options).durable;
}

/**
 * Copies of what the queues of topics get. Classic by name: where the virtual host makes others by default, a quorum
 * queue would drop what was looked at too often.
 */
export const copiesQueue: QueueFlags = {
  durable: true,
  autoDelete: false,
  arguments: {
    'x-queue-type': 'classic',
    'x-message-ttl': int(COPY_TTL_MS),
    'x-max-length-bytes': int(COPIES_MAX_BYTES),
    'x-overflow': 'drop-head',
    'x-expires': int(COPIES_EXPIRE_MS),
  },
};

/** Binds the queue of copies beside the queue that it gets copies of. */
export async function declareCopies(
  channel: Channel,
  { exchange, name, copies }: { readonly exchange: string; readonly name: string; readonly copies: string },
  options: RabbitOptions,
): Promise<void> {
  await channel.assertExchange(exchange, 'topic', topicExchange(options));
  await channel.assertQueue(copies, { exclusive: false, ...copiesQueue });
  await channel.bindQueue(copies, exchange, name);
}

/** Declares the queue with its exchange and binding, in oslo's order. */
export async function declareQueue(channel: Channel, spec: QueueSpec, options: RabbitOptions): Promise<void> {
  if (spec.kind === 'topic') return declareTopic(channel, spec.exchange, spec.name, options);
  if (spec.kind === 'fanout') await declareFanoutExchange(channel, spec.topic, options);
  const isStream = spec.kind === 'fanout' && options.rabbitStreamFanout;
  const flags = isStream ? streamQueue(options) : transientQueue(options);
  await channel.assertQueue(spec.name, { exclusive: false, ...flags });
  if (spec.kind === 'fanout') await channel.bindQueue(spec.name, `${spec.topic}_fanout`, spec.topic);
}

/** A topic's or a notification's queue, bound by its own name. */
export async function declareTopic(
  channel: Channel,
  exchange: string,
  name: string,
  options: RabbitOptions,
): Promise<void> {
  await channel.assertExchange(exchange, 'topic', topicExchange(options));
  await channel.assertQueue(name, { exclusive: false, ...topicQueue(options) });
  await channel.bindQueue(name, exchange, name);
}

export async function declareFanoutExchange(channel: Channel, topic: string, options: RabbitOptions): Promise<void> {
  await channel.assertExchange(`${topic}_fanout`, 'fanout', fanoutExchange(options));
}

function replication(options: RabbitOptions, quorum: boolean): Record<string, Argument> {
  const limits: [string, number][] = [
    ['x-delivery-limit', options.rabbitQuorumDeliveryLimit],
    ['x-max-in-memory-length', options.rabbitQuorumMaxMemoryLength],
    ['x-max-in-memory-bytes', options.rabbitQuorumMaxMemoryBytes],
  ];
  const given = limits.filter(([, value]) => value > 0).map(([name, value]): [string, Argument] => [name, int(value)]);
  return {
    ...(options.rabbitHaQueues && { 'x-ha-policy': 'all' }),
    ...(quorum && { 'x-queue-type': 'quorum', ...Object.fromEntries(given) }),
  };
}

/** A 32-bit integer where it fits, as py-amqp writes numbers. */
function int(value: number): Argument {
  return { '!': value > 0x7fffffff ? 'long' : 'int', value };
}
