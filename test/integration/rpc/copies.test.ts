import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger, type Logger } from '../../../src/log/logger.ts';
import { createTransport } from '../../../src/rpc/create-transport.ts';
import { noTally } from '../../../src/kernel/tally.ts';
import { RabbitTransport } from '../../../src/rpc/rabbit/rabbit-transport.ts';
import { parseTransportUrl } from '../../../src/rpc/transport-url.ts';
import { queueDepths } from '../../../src/rpc/rabbit/queue-depths.ts';
import type { Delivery, Listener, Transport } from '../../../src/rpc/transport.ts';
import { defaultRabbitOptions } from '../../contract/transport/rabbit-defaults.ts';
import { eventually } from '../../support/poll.ts';
import { startRabbit, type RabbitServer } from '../../support/servers.ts';
import { sharedRabbit } from '../../support/shared-servers.ts';

/* Queues that keep copies of requests on a RabbitMQ with transient queues: what they outlive, and what they may not break. */

const soon = (): AbortSignal => AbortSignal.timeout(30_000);
const options = { ...defaultRabbitOptions(), kombuReconnectDelayMs: 50 };
const opened: Transport[] = [];

afterEach(async () => {
  for (const transport of opened.splice(0)) await transport.stop({ force: soon() });
});

async function connect(url: string, log: Logger = silentLogger): Promise<Transport> {
  const transport = createTransport({ url: url.replace('amqp:', 'rabbit:'), options, log });
  opened.push(transport);
  await transport.start(soon());
  return transport;
}

async function listen(
  transport: Transport,
  { name, copies }: { name: string; copies: string },
  deliveries: Delivery[] = [],
): Promise<Listener> {
  const queues = [{ kind: 'topic', exchange: 'openstack', name, copies } as const];
  const onDelivery = (delivery: Delivery): void => void deliveries.push(delivery);
  const listener = transport.listen({ name, queues, prefetch: 10, onDelivery });
  await listener.ready(soon());
  return listener;
}

const send = (transport: Transport, key: string, body: string): Promise<unknown> =>
  transport.publish({ to: { kind: 'topic', exchange: 'openstack', key }, body: Buffer.from(body) }, soon());

async function copiesIn(transport: Transport, queue: string): Promise<readonly string[]> {
  const bodies: string[] = [];
  await transport.readCopies(queue, (body) => void bodies.push(body.toString()), soon());
  return bodies;
}

function names(): { readonly name: string; readonly copies: string } {
  const name = `cinder-volume.${randomUUID().slice(0, 8)}`;
  return { name, copies: `${name}.aa_copies` };
}

/** What is told as a warning or better. */
function told(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (_fields: object, message: string): void => void lines.push(message);
  const log: Logger = { ...silentLogger, info: keep, warn: keep, error: keep, child: () => log };
  return { log, lines };
}

describe('a broker that is killed', () => {
  let rabbit: RabbitServer;
  beforeAll(async () => {
    rabbit = await startRabbit();
  }, 120_000);
  afterAll(() => rabbit.stop());

  it('forgets the queue and has the copies, and keeps more as soon as the queue is there again', async () => {
    const url = `${rabbit.url}/%2F`;
    const { name, copies } = names();
    const transport = await connect(url);
    const first = await listen(transport, { name, copies });
    // Killed within seconds of a queue's making, RabbitMQ 3.10 may not know a durable one again.
    await rabbit.restart();
    await eventually(() => first.health().ok, { timeoutMs: 30_000 });
    await first.close();
    for (const body of ['1', '2', '3']) await send(transport, name, body);
    await rabbit.kill();
    await rabbit.restart();
    await eventually(async () => (await queueDepths({ url, options }, [name])).get(name) === null, {
      timeoutMs: 30_000,
    });
    await eventually(() => transport.health().ok, { timeoutMs: 30_000 });
    expect(await copiesIn(transport, copies)).toEqual(['1', '2', '3']);
    const deliveries: Delivery[] = [];
    await listen(transport, { name, copies }, deliveries);
    await send(transport, name, '4');
    await eventually(() => deliveries.length === 1);
    expect(await copiesIn(await connect(url), copies)).toEqual(['1', '2', '3', '4']);
  }, 120_000);

  it('is given a queue of copies again by who consumes, before anything can come to the queue alone', async () => {
    const { name, copies } = names();
    const transport = await connect(`${rabbit.url}/%2F`);
    const deliveries: Delivery[] = [];
    const listener = await listen(transport, { name, copies }, deliveries);
    await rabbit.kill();
    await rabbit.restart();
    await eventually(() => listener.health().ok, { timeoutMs: 30_000 });
    await send(transport, name, 'after');
    await eventually(() => deliveries.length === 1);
    expect(await copiesIn(transport, copies)).toEqual(['after']);
  }, 120_000);
});

describe('a broker that refuses', () => {
  it('the queue of copies its flags: a warning says what to do, and requests come', async () => {
    const { url, vhost, admin } = await sharedRabbit();
    const { name, copies } = names();
    await admin.request('PUT', `/api/queues/${encodeURIComponent(vhost)}/${copies}`, { durable: true });
    const { log, lines } = told();
    const transport = await connect(url, log);
    const deliveries: Delivery[] = [];
    const first = await listen(transport, { name, copies }, deliveries);
    await send(transport, name, 'a request');
    await eventually(() => deliveries.length === 1);
    await (await listen(transport, { name, copies })).close();
    const warnings = (): readonly string[] => lines.filter((line) => line.includes('no copies of requests'));
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatch(new RegExp(`${copies}.*PRECONDITION_FAILED.*delete it`));
    expect(transport.health()).toEqual({ ok: true });
    await admin.deleteQueue(vhost, copies);
    await first.close();
    await (await listen(transport, { name, copies })).close();
    expect(lines).toContain('copies of requests are kept again');
    await send(transport, name, 'another');
    expect(await copiesIn(transport, copies)).toEqual(['another']);
  });

  it('the account such a queue: a warning says what to do, and requests come', async () => {
    const { url, vhost, admin } = await sharedRabbit();
    const { name, copies } = names();
    const user = `u-${randomUUID().slice(0, 8)}`;
    await admin.request('PUT', `/api/users/${user}`, { password: 'p', tags: '' });
    const notThis = { configure: '^(?!.*aa_copies).*$', write: '.*', read: '.*' };
    await admin.request('PUT', `/api/permissions/${encodeURIComponent(vhost)}/${user}`, notThis);
    const { log, lines } = told();
    const transport = await connect(url.replace('guest:guest', `${user}:p`), log);
    const deliveries: Delivery[] = [];
    await listen(transport, { name, copies }, deliveries);
    await send(transport, name, 'a request');
    await eventually(() => deliveries.length === 1);
    expect(lines.filter((line) => /ACCESS_REFUSED.*configure.*keep_copies = false/.test(line))).toHaveLength(1);
    expect(transport.health()).toEqual({ ok: true });
    expect(await copiesIn(transport, copies)).toEqual([]);
  });
});

it('has its queue of copies made again that somebody deleted or that has expired', async () => {
  const { url, admin, vhost } = await sharedRabbit();
  const { name, copies } = names();
  const where = parseTransportUrl(url.replace('amqp:', 'rabbit:'));
  const transport = new RabbitTransport(where, options, silentLogger, noTally, 100);
  opened.push(transport);
  await transport.start(soon());
  const deliveries: Delivery[] = [];
  await listen(transport, { name, copies }, deliveries);
  await admin.deleteQueue(vhost, copies);
  await eventually(async () => {
    await send(transport, name, 'again');
    return (await copiesIn(transport, copies)).includes('again');
  });
  expect(deliveries.every(({ lost }) => !lost.aborted)).toBe(true);
});

it('shows nothing of a look that ended before its time, and ends when it is told to', async () => {
  const { url, admin, vhost } = await sharedRabbit();
  const { name, copies } = names();
  const transport = await connect(url);
  await listen(transport, { name, copies });
  await send(transport, name, 'one');
  const end = { properties: { type: 'cinder_volume_aa.end_of_copies', message_id: 'of another look' } };
  const exchange = `/api/exchanges/${encodeURIComponent(vhost)}/amq.default/publish`;
  await admin.request('POST', exchange, { ...end, routing_key: copies, payload: '{}', payload_encoding: 'string' });
  await send(transport, name, 'two');
  expect(await copiesIn(transport, copies)).toEqual(['one', 'two']);
  const over = transport.readCopies(copies, () => undefined, AbortSignal.abort(new Error('no time')));
  await expect(over).rejects.toThrow('no time');
  expect(await copiesIn(transport, copies)).toEqual(['one', 'two']);
});
