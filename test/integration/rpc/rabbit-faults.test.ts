import { afterEach, expect, it } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { createTransport } from '../../../src/rpc/create-transport.ts';
import type { RabbitOptions } from '../../../src/rpc/rabbit/rabbit-options.ts';
import type { Delivery, Transport } from '../../../src/rpc/transport.ts';
import { defaultRabbitOptions } from '../../contract/transport/rabbit-defaults.ts';
import { eventually } from '../../support/poll.ts';
import { sharedRabbit } from '../../support/shared-servers.ts';

const soon = (): AbortSignal => AbortSignal.timeout(15_000);
const opened: Transport[] = [];

afterEach(async () => {
  for (const transport of opened.splice(0)) await transport.stop({ force: soon() });
});

async function connect(url: string, changed: Partial<RabbitOptions> = {}): Promise<Transport> {
  const options = { ...defaultRabbitOptions(), kombuReconnectDelayMs: 50, ...changed };
  const transport = createTransport({ url: url.replace('amqp:', 'rabbit:'), options, log: silentLogger });
  opened.push(transport);
  await transport.start(soon());
  return transport;
}

it('makes a queue again that was deleted under its consumer, and keeps what came from others', async () => {
  const { url, vhost, admin } = await sharedRabbit();
  const transport = await connect(url);
  const deliveries: Delivery[] = [];
  const queues = ['kept', 'deleted'].map((name) => ({ kind: 'topic', exchange: 'openstack', name }) as const);
  const onDelivery = (delivery: Delivery): void => void deliveries.push(delivery);
  const listener = transport.listen({ name: 'l', queues, prefetch: 10, onDelivery });
  await listener.ready(soon());
  const send = (key: string, mandatory = false) =>
    transport.publish({ to: { kind: 'topic', exchange: 'openstack', key }, body: Buffer.from(key), mandatory }, soon());
  await send('kept');
  await eventually(() => deliveries.length === 1);
  await admin.deleteQueue(vhost, 'deleted');
  await eventually(async () => (await send('deleted', true)) === 'delivered');
  await eventually(() => deliveries.length === 2);
  expect(deliveries.map(({ lost, redelivered }) => [lost.aborted, redelivered])).toEqual([
    [false, false],
    [false, false],
  ]);
  expect(listener.health()).toEqual({ ok: true });
});

it('says what to do about a queue with other flags, and consumes as soon as it is gone', async () => {
  const { url, vhost, admin } = await sharedRabbit();
  const queue = { kind: 'reply', name: 'reply_1' } as const;
  const listen = (transport: Transport) =>
    transport.listen({ name: 'l', queues: [queue], prefetch: 1, onDelivery: () => undefined });
  const other = listen(await connect(url, { rabbitTransientQueuesTtlMs: 60_000 }));
  await other.ready(soon());
  await other.close();
  const listener = listen(await connect(url));
  await eventually(() => listener.health().detail?.includes('PRECONDITION_FAILED'));
  expect(listener.health().detail).toMatch(/x-expires.*make the options alike, or delete it/s);
  await admin.deleteQueue(vhost, 'reply_1');
  await listener.ready(soon());
});

it('takes the next host when one does not answer', async () => {
  const { url } = await sharedRabbit();
  const transport = await connect(url.replace('@', '@127.0.0.1:1,guest:guest@'));
  expect(transport.health()).toEqual({ ok: true });
});
