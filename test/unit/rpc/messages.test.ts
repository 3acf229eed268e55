import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutboxMessage } from '../../../src/db/ports/custody.ts';
import { isJsonObject } from '../../../src/domain/json.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { OsloMessageMaker, notificationFormats } from '../../../src/rpc/message-maker.ts';
import { OutboxSender } from '../../../src/rpc/message-sender.ts';
import { ReplySender } from '../../../src/rpc/reply-sender.ts';
import type { QueueSpec, Transport } from '../../../src/rpc/transport.ts';
import { serviceContext } from '../../../src/rpc/wire/context.ts';
import { eventually } from '../../support/poll.ts';
import { RpcHarness, soon } from './rpc-harness.ts';

const both = new OsloMessageMaker({ formats: ['messaging', 'messagingv2'], topics: ['notifications', 'billing'] });

describe('messages', () => {
  it('of a notification are none where no driver sends messages', () => {
    const silent = new OsloMessageMaker({ formats: notificationFormats(['noop', 'log']), topics: ['notifications'] });
    expect(silent.notification(serviceContext(), 'volume.h@b', 'volume.create.end', {})).toEqual([]);
    expect(notificationFormats(['log', 'messagingv2'])).toEqual(['messagingv2']);
  });

  it('of a notification are one for each topic, with the same message id', () => {
    const made = both.notification(serviceContext(), 'volume.h@b', 'volume.create.end', { size: 1 });
    expect(made.map(({ topic }) => topic)).toEqual(['notifications.info', 'billing.info']);
    const [first, second] = made.map(({ payload }) => payload);
    expect(first?.['message_id']).toBe(second?.['message_id']);
    expect(first).toMatchObject({
      publisher_id: 'volume.h@b',
      event_type: 'volume.create.end',
      priority: 'INFO',
      payload: { size: 1 },
      _unique_id: made[0]?.uniqueId,
      _context_is_admin: true,
    });
    expect(first?.['timestamp']).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
  });

  it('of a cast always say whether deleted rows are meant', () => {
    const { payload, uniqueId } = both.cast({ user: 'u' }, { topic: 'cinder-backup', server: 'h' }, 'm', '2.0', {
      a: 1,
    });
    const context = { _context_user: 'u', _context_read_deleted: 'no' };
    expect(payload).toEqual({ method: 'm', args: { a: 1 }, version: '2.0', _unique_id: uniqueId, ...context });
    expect(uniqueId).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('the sender', () => {
  let harness: RpcHarness;
  let transport: Transport;
  let sender: OutboxSender;
  const bodies = new Map<string, JsonObject[]>();

  beforeEach(async () => {
    bodies.clear();
    harness = await RpcHarness.start();
    transport = await harness.transport();
    const replies = new ReplySender({ transport, log: silentLogger, giveUpAfterMs: 300 });
    sender = new OutboxSender({
      transport,
      controlExchange: 'openstack',
      replies,
      formats: ['messaging', 'messagingv2'],
    });
  });
  afterEach(() => harness.stop());

  const read = async (...queues: readonly QueueSpec[]): Promise<void> => {
    const listener = transport.listen({
      name: 'reader',
      queues,
      prefetch: 10,
      onDelivery: (delivery) => {
        const { queue, body } = delivery;
        delivery.ack();
        const parsed = JSON.parse(body.toString()) as unknown;
        if (isJsonObject(parsed)) bodies.set(queue, [...(bodies.get(queue) ?? []), parsed]);
      },
    });
    await listener.ready(soon());
  };
  const send = (message: OutboxMessage): Promise<void> => sender.send(message, soon());
  const envelope = (payload: JsonObject) => ({ 'oslo.version': '2.0', 'oslo.message': JSON.stringify(payload) });

  it('sends casts to a server, to a topic and to all', async () => {
    const exchange = 'openstack';
    await read(
      { kind: 'topic', exchange, name: 'cinder-scheduler' },
      { kind: 'topic', exchange, name: 'cinder-scheduler.h' },
      { kind: 'fanout', topic: 'cinder-scheduler', name: 'cinder-scheduler_fanout_1' },
    );
    const one = both.cast({}, { topic: 'cinder-scheduler', server: 'h' }, 'm', '3.0', {});
    const any = both.cast({}, { topic: 'cinder-scheduler' }, 'm', '3.0', {});
    const all = both.fanout({}, 'cinder-scheduler', 'm', '3.0', {});
    for (const message of [one, any, all]) await send(message);
    await eventually(() => bodies.size === 3);
    expect(bodies.get('cinder-scheduler.h')).toEqual([envelope(one.payload)]);
    expect(bodies.get('cinder-scheduler')).toEqual([envelope(any.payload)]);
    expect(bodies.get('cinder-scheduler_fanout_1')).toEqual([envelope(all.payload)]);
  });

  it('sends a notification in every configured form to a queue that need not be there', async () => {
    const [message] = both.notification(serviceContext(), 'volume.h@b', 'volume.create.end', {});
    if (message === undefined) throw new Error('no notification was made');
    await send(message);
    await read({ kind: 'topic', exchange: 'openstack', name: 'notifications.info' });
    await eventually(() => bodies.get('notifications.info')?.length === 2);
    expect(bodies.get('notifications.info')).toEqual([message.payload, envelope(message.payload)]);
  });

  it('does not mind a cast that nobody gets', async () => {
    await expect(send(both.cast({}, { topic: 'nobody' }, 'm', '3.0', {}))).resolves.toBeUndefined();
  });

  it('sends a reply until its queue is there, and gives up one whose queue stays away', async () => {
    const reply: OutboxMessage = {
      uniqueId: 'u',
      kind: 'reply',
      topic: 'reply_1',
      server: null,
      payload: { _msg_id: 'm' },
    };
    const sent = send(reply);
    await read({ kind: 'reply', name: 'reply_1' });
    await sent;
    await eventually(() => bodies.get('reply_1')?.length === 1);
    await send({ ...reply, topic: 'reply_gone' });
    // From then on at once, whether the queue is there or not.
    await read({ kind: 'reply', name: 'reply_gone' });
    await send({ ...reply, topic: 'reply_gone' });
    await send({ ...reply, topic: 'reply_1' });
    await eventually(() => bodies.get('reply_1')?.length === 2);
    expect(bodies.get('reply_gone')).toBeUndefined();
  });
});
