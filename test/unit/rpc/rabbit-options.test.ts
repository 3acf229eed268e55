import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { createTransport } from '../../../src/rpc/create-transport.ts';
import { heartbeatSeconds } from '../../../src/rpc/rabbit/rabbit-socket.ts';
import { withUrlOptions } from '../../../src/rpc/rabbit/rabbit-options.ts';
import {
  fanoutExchange,
  streamQueue,
  topicExchange,
  topicQueue,
  transientQueue,
} from '../../../src/rpc/rabbit/topology.ts';
import { unpackBody } from '../../../src/rpc/rabbit/unpack.ts';
import { deflateSync } from 'node:zlib';
import { defaultRabbitOptions } from '../../contract/transport/rabbit-defaults.ts';

const defaults = defaultRabbitOptions();
const int = (value: number) => ({ '!': 'int', value });

describe('flags and arguments', () => {
  it('are the defaults of oslo.messaging', () => {
    expect(topicExchange(defaults)).toEqual({ durable: false, autoDelete: false });
    expect(fanoutExchange(defaults)).toEqual({ durable: false, autoDelete: true });
    expect(topicQueue(defaults)).toEqual({ durable: false, autoDelete: false, arguments: {} });
    const expires = { 'x-expires': int(1_800_000) };
    expect(transientQueue(defaults)).toEqual({ durable: false, autoDelete: false, arguments: expires });
  });

  it('of quorum queues are durable and limited, but not those of fanouts and replies', () => {
    const limits = { rabbitQuorumDeliveryLimit: 3, rabbitQuorumMaxMemoryLength: 4, rabbitQuorumMaxMemoryBytes: 5 };
    const options = { ...defaults, rabbitQuorumQueue: true, amqpAutoDelete: true, ...limits };
    expect(topicQueue(options)).toEqual({
      durable: true,
      autoDelete: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-delivery-limit': int(3),
        'x-max-in-memory-length': int(4),
        'x-max-in-memory-bytes': int(5),
      },
    });
    expect(transientQueue(options).durable).toBe(false);
    expect(transientQueue(options).arguments).toEqual({ 'x-expires': int(1_800_000) });
  });

  it('of transient quorum queues, mirrored queues, and queues that never expire', () => {
    const transient = { ...defaults, rabbitTransientQuorumQueue: true, rabbitTransientQueuesTtlMs: 0 };
    expect(fanoutExchange(transient).durable).toBe(true);
    expect(transientQueue(transient)).toMatchObject({ durable: true, arguments: { 'x-queue-type': 'quorum' } });
    expect(transientQueue(transient).arguments).not.toHaveProperty('x-expires');
    expect(topicQueue({ ...defaults, rabbitHaQueues: true }).arguments).toEqual({ 'x-ha-policy': 'all' });
  });

  it('of a stream keep what is no older than the TTL', () => {
    const arguments_ = { 'x-queue-type': 'stream', 'x-max-age': '1800s' };
    expect(streamQueue(defaults)).toEqual({ durable: true, autoDelete: false, arguments: arguments_ });
    expect(streamQueue({ ...defaults, rabbitTransientQueuesTtlMs: 0 }).arguments).toEqual({ 'x-queue-type': 'stream' });
  });
});

describe('options', () => {
  it('of the URL win over those of the file, by any of their names', () => {
    const query = new Map([
      ['rabbit_quorum_queue', 'true'],
      ['heartbeat_timeout_threshold', '20'],
      ['rabbit_use_ssl', '1'],
    ]);
    const found = withUrlOptions(defaults, query);
    expect(found).toEqual({ ...defaults, rabbitQuorumQueue: true, heartbeatTimeoutThresholdMs: 20_000, ssl: true });
  });

  it.each([
    ['rabbit://h/?rabbit_quorum_queues=true', {}, /rabbit_quorum_queues/],
    ['rabbit://h/?ssl=perhaps', {}, /option ssl/],
    ['rabbit://h/', { rabbitHaQueues: true, rabbitQuorumQueue: true }, /rabbit_ha_queues/],
    ['rabbit://h/', { rabbitStreamFanout: true, rabbitQosPrefetchCount: 1 }, /needs rabbit_transient_quorum_queue/],
    ['rabbit://h/', { rabbitStreamFanout: true, rabbitTransientQuorumQueue: true }, /needs rabbit_qos_prefetch_count/],
  ])('that cannot work are refused: %s %j', (url, changed, problem) => {
    expect(() => createTransport({ url, options: { ...defaults, ...changed }, log: silentLogger })).toThrow(problem);
  });

  it('of the heartbeat end a dead connection within the threshold', () => {
    expect([0, 1_000, 20_000, 60_000].map(heartbeatSeconds)).toEqual([0, 1, 6, 20]);
  });
});

describe('a compressed body', () => {
  it('is unpacked, if it does not grow beyond what a message may be', () => {
    const headers = { compression: 'application/x-gzip' };
    expect(unpackBody(deflateSync(Buffer.from('text')), headers).toString()).toBe('text');
    expect(() => unpackBody(deflateSync(Buffer.alloc(17 * 1024 * 1024)), headers)).toThrow();
    expect(() => unpackBody(Buffer.from('x'), { compression: 'application/x-bz2' })).toThrow(/kombu_compression/);
    expect(unpackBody(Buffer.from('x'), {}).toString()).toBe('x');
  });
});
