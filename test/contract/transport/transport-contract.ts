import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Delivery, Listener, QueueSpec, Transport } from '../../../src/rpc/transport.ts';
import { eventually } from '../../support/poll.ts';

/** What a transport's own test file provides. */
export interface TransportHarness {
  connect(): Promise<Transport>;
  /** Cuts all connections, as a broker's restart does, until the one that `isCut` speaks of is among them. */
  disconnectAll(isCut: () => boolean): Promise<void>;
  stop(): Promise<void>;
  /** Fanout queues stay when their reader closes: they are shared, or have a name to come back to. */
  readonly fanoutsStay?: boolean;
  /** It keeps copies of what queues of topics get, because a restart of the broker takes those with it. */
  readonly keepsCopies?: boolean;
}

const signal = (): AbortSignal => AbortSignal.timeout(15_000);
const text = (delivery: Delivery): string => delivery.body.toString();
const unique = (name: string): string => `${name}-${randomUUID().slice(0, 8)}`;

/** A listener that keeps what it gets. */
class Inbox {
  readonly deliveries: Delivery[] = [];
  readonly listener: Listener;

  constructor(transport: Transport, queues: readonly QueueSpec[], prefetch = 10) {
    const onDelivery = (delivery: Delivery): void => void this.deliveries.push(delivery);
    this.listener = transport.listen({ name: 'inbox', queues, prefetch, onDelivery });
  }

  async ready(): Promise<this> {
    await this.listener.ready(signal());
    return this;
  }

  async receive(count: number): Promise<readonly Delivery[]> {
    await eventually(() => this.deliveries.length >= count, { what: `${count} deliveries`, timeoutMs: 15_000 });
    return this.deliveries;
  }
}

/** Everything that the rpc room relies on, of every transport. */
export function describeTransport(name: string, makeHarness: () => Promise<TransportHarness>): void {
  describe(`transport ${name}`, () => {
    let harness: TransportHarness;
    const opened: Transport[] = [];
    const connect = async (): Promise<Transport> => {
      const transport = await harness.connect();
      opened.push(transport);
      await transport.start(signal());
      return transport;
    };
    const topicQueue = (queue: string, copies?: string): QueueSpec => ({
      ...{ kind: 'topic', exchange: 'openstack', name: queue },
      ...(copies !== undefined && { copies }),
    });
    const send = (transport: Transport, key: string, body: string) =>
      transport.publish({ to: { kind: 'topic', exchange: 'openstack', key }, body: Buffer.from(body) }, signal());

    beforeAll(async () => {
      harness = await makeHarness();
    });
    afterAll(async () => {
      const force = AbortSignal.timeout(5_000);
      await Promise.all(opened.map((transport) => transport.stop({ force })));
      await harness.stop();
    });

    it('delivers by topic, in order, with the body unchanged', async () => {
      const transport = await connect();
      const queue = unique('topic');
      const inbox = await new Inbox(transport, [topicQueue(queue)]).ready();
      for (const body of ['one', 'zwei ü', '{"three":3}']) expect(await send(transport, queue, body)).toBe('delivered');
      expect((await inbox.receive(3)).map(text)).toEqual(['one', 'zwei ü', '{"three":3}']);
      expect(inbox.deliveries.map(({ redelivered }) => redelivered)).toEqual([false, false, false]);
      expect(inbox.deliveries[0]?.queue).toBe(queue);
    });

    it('counts a message that no queue takes as delivered, unless it is mandatory', async () => {
      const transport = await connect();
      const nowhere = unique('nowhere');
      expect(await send(transport, nowhere, 'lost')).toBe('delivered');
      const to = { kind: 'queue', name: nowhere } as const;
      const outcome = await transport.publish({ to, body: Buffer.from('x'), mandatory: true }, signal());
      expect(outcome).toBe('unroutable');
      const inbox = await new Inbox(transport, [{ kind: 'reply', name: nowhere }]).ready();
      expect(await transport.publish({ to, body: Buffer.from('y'), mandatory: true }, signal())).toBe('delivered');
      expect((await inbox.receive(1)).map(text)).toEqual(['y']);
    });

    it('gives a fanout to every reader, and removes the queue of one that has closed if nobody can come back to it', async () => {
      const transport = await connect();
      const topic = unique('fan');
      const names = [transport.names.fanout(topic), transport.names.fanout(topic)];
      const [first, second] = await Promise.all(
        names.map((queue) => new Inbox(transport, [{ kind: 'fanout', topic, name: queue }]).ready()),
      );
      const shout = (body: string) =>
        transport.publish({ to: { kind: 'fanout', topic }, body: Buffer.from(body) }, signal());
      await shout('all');
      expect((await first?.receive(1))?.map(text)).toEqual(['all']);
      expect((await second?.receive(1))?.map(text)).toEqual(['all']);
      await first?.listener.close();
      const probe = { to: { kind: 'queue', name: names[0] ?? '' }, body: Buffer.from('x'), mandatory: true } as const;
      expect(await transport.publish(probe, signal())).toBe(harness.fanoutsStay === true ? 'delivered' : 'unroutable');
      await second?.listener.close();
      expect(await shout('nobody')).toBe('delivered');
    });

    it('names every queue of one reader, and tells apart who has what', async () => {
      const [one, other] = await Promise.all([connect(), connect()]);
      const replies = [one.names.reply(), one.names.reply(), other.names.reply(), other.names.reply()];
      expect(new Set(replies).size).toBe(4);
      const [first, second] = [one.names.fanout('t'), other.names.fanout('t')];
      for (const name of [first, second]) expect(name).toMatch(/^t_fanout(_|$)/);
      // Either each has its own, or all share the one that is called like the exchange.
      expect(first === second).toBe(first === 't_fanout');
    });

    it('shares a queue among readers and hands on what one of them left un-acked', async () => {
      const [one, other, sender] = await Promise.all([connect(), connect(), connect()]);
      const queue = unique('shared');
      const lost = await new Inbox(one, [topicQueue(queue)]).ready();
      await send(sender, queue, 'work');
      await lost.receive(1);
      const heir = await new Inbox(other, [topicQueue(queue)]).ready();
      await one.stop({ force: AbortSignal.timeout(5_000) });
      const [delivery] = await heir.receive(1);
      expect(delivery && [text(delivery), delivery.redelivered]).toEqual(['work', true]);
      delivery?.ack();
    });

    it('hands out no more than the prefetch, and goes on after an ack, a rejection or a return', async () => {
      const transport = await connect();
      const queue = unique('prefetch');
      const inbox = await new Inbox(transport, [topicQueue(queue)], 2).ready();
      for (const body of ['1', '2', '3', '4']) await send(transport, queue, body);
      await inbox.receive(2);
      // Another queue of the same broker shows that a third would have come by now.
      const other = unique('other');
      const clock = await new Inbox(transport, [topicQueue(other)]).ready();
      await send(transport, other, 'tick');
      await clock.receive(1);
      expect(inbox.deliveries.map(text)).toEqual(['1', '2']);
      inbox.deliveries[0]?.ack();
      inbox.deliveries[0]?.ack();
      inbox.deliveries[1]?.reject();
      await inbox.receive(4);
      inbox.deliveries[3]?.requeue();
      await inbox.receive(5);
      expect(inbox.deliveries.map(text)).toEqual(['1', '2', '3', '4', '4']);
      expect(inbox.deliveries[4]?.redelivered).toBe(true);
    });

    it('stops delivering on cancel, takes answers still, and returns the rest on close', async () => {
      const transport = await connect();
      const queue = unique('cancel');
      const inbox = await new Inbox(transport, [topicQueue(queue)]).ready();
      await send(transport, queue, 'answered');
      await send(transport, queue, 'returned');
      await inbox.receive(2);
      await inbox.listener.cancel();
      await send(transport, queue, 'later');
      inbox.deliveries[0]?.ack();
      await inbox.listener.close();
      await inbox.listener.close();
      const next = await new Inbox(transport, [topicQueue(queue)]).ready();
      expect((await next.receive(2)).map(text)).toEqual(['returned', 'later']);
      expect(inbox.deliveries).toHaveLength(2);
    });

    it('drops a message that has expired', async () => {
      const transport = await connect();
      const queue = unique('expired');
      const first = await new Inbox(transport, [topicQueue(queue)]).ready();
      await first.listener.close();
      const to = { kind: 'topic', exchange: 'openstack', key: queue } as const;
      await transport.publish({ to, body: Buffer.from('old'), expirationMs: 1 }, signal());
      await transport.publish({ to, body: Buffer.from('young'), expirationMs: 60_000 }, signal());
      await new Promise((resolve) => setTimeout(resolve, 20));
      const inbox = await new Inbox(transport, [topicQueue(queue)]).ready();
      const [delivery] = await inbox.receive(1);
      expect(delivery && [text(delivery), delivery.expirationMs]).toEqual(['young', 60_000]);
    });

    it('keeps a notification for a reader who comes later', async () => {
      const transport = await connect();
      const queue = unique('notifications.info');
      const to = { kind: 'notification', exchange: 'openstack', key: queue } as const;
      await transport.publish({ to, body: Buffer.from('event') }, signal());
      const inbox = await new Inbox(transport, [topicQueue(queue)]).ready();
      expect((await inbox.receive(1)).map(text)).toEqual(['event']);
    });

    const copiesIn = async (transport: Transport, queue: string): Promise<readonly string[]> => {
      const bodies: string[] = [];
      await transport.readCopies(queue, (body) => void bodies.push(body.toString()), signal());
      return bodies;
    };

    it('shows copies of what was consumed, where it keeps any, as often as they are asked for', async () => {
      const [transport, other] = await Promise.all([connect(), connect()]);
      const [queue, sibling, copies] = [unique('copied'), unique('copied'), unique('copies')];
      expect(await copiesIn(transport, copies)).toEqual([]);
      const queues = [queue, sibling].map((one) => topicQueue(one, copies));
      const inbox = await new Inbox(transport, queues).ready();
      for (const [key, body] of [[queue, '1'] as const, [sibling, '2'] as const, [queue, '3'] as const]) {
        await send(transport, key, body);
      }
      const bodies = (await inbox.receive(3)).map(text);
      expect(bodies.toSorted()).toEqual(['1', '2', '3']);
      inbox.deliveries.forEach((delivery) => delivery.ack());
      const kept = harness.keepsCopies === true ? ['1', '2', '3'] : [];
      expect(await copiesIn(transport, copies)).toEqual(kept);
      expect(await copiesIn(other, copies)).toEqual(kept);
      expect(inbox.deliveries).toHaveLength(3);
    });

    it('shows all copies or says that it could not, although others look at the same time', async () => {
      const [one, other] = await Promise.all([connect(), connect()]);
      const [queue, copies] = [unique('copied'), unique('copies')];
      await new Inbox(one, [topicQueue(queue, copies)]).ready();
      for (let index = 0; index < 20; index += 1) await send(one, queue, String(index));
      const kept = harness.keepsCopies === true ? Array.from({ length: 20 }, (_, index) => String(index)) : [];
      const looks = await Promise.allSettled([one, other, one, other].map((reader) => copiesIn(reader, copies)));
      const shown = looks.flatMap((look) => (look.status === 'fulfilled' ? [look.value] : []));
      expect(shown.length).toBeGreaterThan(0);
      for (const bodies of shown) expect(bodies).toEqual(kept);
      await eventually(async () => (await copiesIn(other, copies)).length === kept.length, { what: 'a look alone' });
    });

    it('consumes and publishes again after all connections were cut, from the same queues', async () => {
      const transport = await connect();
      const [queue, topic] = [unique('again'), unique('fan')];
      const fanout = transport.names.fanout(topic);
      const inbox = await new Inbox(transport, [topicQueue(queue), { kind: 'fanout', topic, name: fanout }]).ready();
      await send(transport, queue, 'held');
      const [held] = await inbox.receive(1);
      await harness.disconnectAll(() => held?.lost.aborted === true);
      await eventually(() => held?.lost.aborted, { what: 'the loss of the delivery' });
      // Without an error: the broker has it back already.
      held?.ack();
      await eventually(() => transport.health().ok, { what: 'health', timeoutMs: 15_000 });
      expect(inbox.listener.health()).toEqual({ ok: true });
      await transport.publish({ to: { kind: 'fanout', topic }, body: Buffer.from('news') }, signal());
      const deliveries = await inbox.receive(3);
      const late = deliveries.slice(1).map((delivery) => `${text(delivery)} ${delivery.redelivered}`);
      expect(late.sort()).toEqual(['held true', 'news false']);
    });

    it('waits for a broker that is away, and says so when it may not wait any longer', async () => {
      const transport = await harness.connect();
      opened.push(transport);
      const late = transport.publish(
        { to: { kind: 'queue', name: 'x' }, body: Buffer.from('x') },
        AbortSignal.timeout(50),
      );
      await expect(late).rejects.toMatchObject({ name: 'PublishError', outcome: 'not-started' });
      expect(transport.health()).toMatchObject({ ok: false });
    });
  });
}
