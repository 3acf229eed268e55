import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CinderError } from '../../../src/domain/exceptions.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Transport } from '../../../src/rpc/transport.ts';
import { buildBody, parseBody } from '../../../src/rpc/wire/envelope.ts';
import { eventually } from '../../support/poll.ts';
import { FakeService, RpcHarness, payload, soon, target } from './rpc-harness.ts';

let harness: RpcHarness;
let service: FakeService;

beforeEach(async () => {
  harness = await RpcHarness.start();
  service = new FakeService();
});
afterEach(() => harness.stop());

const send = async (message: JsonObject, queue = 'cinder-volume.h@b.h', expirationMs?: number): Promise<Transport> => {
  const transport = await harness.transport();
  const to = { kind: 'queue', name: queue } as const;
  await transport.publish(
    { to, body: buildBody(message), ...(expirationMs !== undefined && { expirationMs }) },
    soon(),
  );
  return transport;
};
const waiting = (): number => [...harness.hub.hub.depths().values()].reduce((sum, depth) => sum + depth, 0);
const call = async (method: string, args: JsonObject = {}, version = '3.0'): Promise<unknown> =>
  (await harness.client()).call(target, method, version, args, { timeoutMs: 5_000, signal: soon() });

describe('casts', () => {
  it('are kept from all three queues, decoded, without what would let a reader act as the user', async () => {
    await harness.server(service);
    await send(payload({ args: { size: 1 }, _unique_id: 'a', _context_auth_token: 'secret' }), 'cinder-volume.h@b');
    await send(payload({ _unique_id: 'b' }));
    const transport = await harness.transport();
    const fanout = { kind: 'fanout', topic: 'cinder-volume.h@b' } as const;
    await transport.publish({ to: fanout, body: buildBody(payload({ _unique_id: 'c' })) }, soon());
    await eventually(() => service.kept.length === 3);
    const first = service.kept.find(({ uniqueId }) => uniqueId === 'a');
    expect(first).toMatchObject({ method: 'cast_it', plain: { size: 1 }, context: { auth_token: 'secret' } });
    expect(first?.wire).toEqual({ args: { size: 1 }, context: { read_deleted: 'no', auth_token: null } });
  });

  it('stay un-acked while they cannot be kept, and are kept later', async () => {
    service.failures = 2;
    const server = await harness.server(service);
    await send(payload({ _unique_id: 'a' }));
    await eventually(() => service.kept.length === 1);
    // Acknowledged then: nobody gets it after this server has gone.
    await server.stop({ force: soon() });
    const heir = new FakeService();
    const next = await harness.server(heir);
    await next.probe(soon());
    expect(heir.kept).toEqual([]);
  });

  it('are told apart, and can be kept, where their ids are none', async () => {
    await harness.server(service);
    const odd = ['', '', 'x'.repeat(300), 'a\0', 'a ', 'ä'];
    for (const [n, id] of odd.entries()) await send(payload({ args: { n }, _unique_id: id }));
    await eventually(() => service.kept.length === odd.length);
    for (const { uniqueId } of service.kept) expect(uniqueId).toMatch(/^[0-9a-f]{32}$/);
  });

  it('go back to the queue when the server stops before they were kept', async () => {
    service.failures = Infinity;
    const server = await harness.server(service);
    await send(payload({ _unique_id: 'a' }));
    await eventually(() => service.failures === Infinity && waiting() === 0);
    await server.stop({ force: soon() });
    const heir = new FakeService();
    await harness.server(heir);
    await eventually(() => heir.kept.length === 1);
  });

  it('that come without a unique id have the same one each time', async () => {
    await harness.server(service);
    await send(payload({ args: { n: 1 } }));
    await send(payload({ args: { n: 1 } }));
    await send(payload({ args: { n: 2 } }));
    await eventually(() => service.kept.length === 2);
  });
});

describe('calls', () => {
  it('get their result, and null', async () => {
    await harness.server(service);
    expect(await call('call_echo', { a: [1, 'x', null] })).toEqual({ a: [1, 'x', null] });
    service.onCall = () => Promise.resolve(null);
    expect(await call('call_echo')).toBeNull();
  });

  it('get their error as the Python class', async () => {
    await harness.server(service);
    service.onCall = () => Promise.reject(new CinderError('VolumeNotFound', { volume_id: 'v1' }));
    await expect(call('call_echo')).rejects.toMatchObject({
      python: { name: 'VolumeNotFound', module: 'cinder.exception' },
      kwargs: { volume_id: 'v1', code: 404 },
    });
  });

  it.each([
    ['an unknown method', 'nonsense', '3.0', 'NoSuchMethod'],
    ['a private method', '_call_it', '3.0', 'NoSuchMethod'],
    ['a newer version', 'call_echo', '3.19', 'UnsupportedVersion'],
    ['another major version', 'call_echo', '2.0', 'UnsupportedVersion'],
  ])('for %s are refused', async (_what, method, version, name) => {
    await harness.server(service);
    await expect(call(method, {}, version)).rejects.toMatchObject({ python: { name } });
    expect(service.called).toEqual([]);
  });

  it('of an object that is too new are refused', async () => {
    await harness.server(service);
    const volume = { 'versioned_object.name': 'Volume', 'versioned_object.namespace': 'cinder' };
    const args = { volume: { ...volume, 'versioned_object.version': '1.99', 'versioned_object.data': {} } };
    await expect(call('call_echo', args)).rejects.toMatchObject({ python: { name: 'IncompatibleObjectVersion' } });
  });

  it('never wait behind casts that cannot be kept', async () => {
    service.failures = Infinity;
    await harness.server(service);
    for (let n = 0; n < 10; n += 1) await send(payload({ _unique_id: `cast-${n}` }));
    expect(await call('call_echo', { quick: true })).toEqual({ quick: true });
  });

  it('are not started once their caller cannot be waiting any more', async () => {
    await harness.server(service, { maxCalls: 1 });
    let finish = (): void => undefined;
    service.onCall = () => new Promise((resolve) => (finish = () => resolve(null)));
    await send(payload({ method: 'call_slow', _unique_id: 'first' }));
    await eventually(() => service.called.length === 1);
    await send(payload({ method: 'call_late', _unique_id: 'late' }), undefined, 30);
    await send(payload({ method: 'call_next', _unique_id: 'next' }), undefined, 60_000);
    // The expired one has left the lane when its delivery is answered; only then is the slot freed.
    await new Promise((resolve) => setTimeout(resolve, 60));
    finish();
    await eventually(() => service.called.length === 2);
    expect(service.called.map(({ method }) => method)).toEqual(['call_slow', 'call_next']);
  });

  it('are told by their signal when the caller has given up', async () => {
    await harness.server(service);
    let aborted: unknown;
    service.onCall = (_request, signal) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          aborted = signal.reason;
          reject(signal.reason as Error);
        }),
      );
    await send(payload({ method: 'call_it' }), undefined, 40);
    await eventually(() => aborted !== undefined);
    expect(aborted).toMatchObject({ name: 'TimeoutError' });
  });

  it('run once although their message comes again while they run, and are answered', async () => {
    await harness.server(service);
    let finish = (): void => undefined;
    service.onCall = () => new Promise((resolve) => (finish = () => resolve('done')));
    const answer = call('call_it');
    await eventually(() => service.called.length === 1);
    harness.hub.disconnectAll();
    const client = await harness.client();
    await eventually(async () => {
      await client.call(target, 'oslo_rpc_server_ping', '1.0', {}, { timeoutMs: 500, signal: soon() });
      return true;
    });
    finish();
    expect(await answer).toBe('done');
    expect(service.called).toHaveLength(1);
    await eventually(() => waiting() === 0);
  });

  it('go to another server when theirs dies before the reply', async () => {
    const first = await harness.server(service);
    service.onCall = () => new Promise(() => undefined);
    const answer = call('call_it', { n: 1 });
    await eventually(() => service.called.length === 1);
    const heir = new FakeService();
    await harness.server(heir);
    await first.stop({ force: AbortSignal.abort() });
    expect(await answer).toEqual({ n: 1 });
    expect(heir.called).toHaveLength(1);
  });

  it('whose caller has gone are given up and acknowledged', async () => {
    const server = await harness.server(service);
    await send(payload({ method: 'call_it', _unique_id: 'u', _msg_id: 'm', _reply_q: 'reply_gone', _timeout: null }));
    await eventually(() => service.called.length === 1);
    await server.stop({ force: soon() });
    const heir = new FakeService();
    const next = await harness.server(heir);
    await next.probe(soon());
    expect(heir.called).toEqual([]);
  });

  it('send heartbeats to callers that watch them, and end with one reply', async () => {
    await harness.server(service);
    let finish = (): void => undefined;
    service.onCall = () => new Promise((resolve) => (finish = () => resolve('done')));
    const transport = await harness.transport();
    const replies: JsonObject[] = [];
    const listener = transport.listen({
      name: 'replies',
      queues: [{ kind: 'reply', name: 'reply_1' }],
      prefetch: 10,
      onDelivery: (delivery) => {
        delivery.ack();
        replies.push(parseBody(delivery.body));
      },
    });
    await listener.ready(soon());
    await send(payload({ method: 'call_it', _unique_id: 'u', _msg_id: 'm', _reply_q: 'reply_1', _timeout: 0.02 }));
    await eventually(() => replies.length >= 2);
    finish();
    await eventually(() => replies.at(-1)?.['ending'] === true);
    const keys = ['_msg_id', '_unique_id', 'ending', 'failure', 'result'];
    for (const reply of replies) expect(Object.keys(reply).sort()).toEqual(keys);
    expect(replies.map(({ ending }) => ending)).toEqual([...replies.slice(1).map(() => false), true]);
    expect(replies.at(-1)).toMatchObject({ result: 'done', failure: null, _msg_id: 'm' });
  });

  it('hear from us now and then at most, whatever time they name', async () => {
    const finishes: (() => void)[] = [];
    service.onCall = () => new Promise((resolve) => finishes.push(() => resolve('done')));
    await harness.server(service, { maxCalls: 3 });
    const transport = await harness.transport();
    const beats = new Map<unknown, number>();
    const listener = transport.listen({
      ...{ name: 'replies', queues: [{ kind: 'reply', name: 'reply_1' }], prefetch: 10 },
      onDelivery: (delivery) => {
        delivery.ack();
        const { _msg_id: id, ending } = parseBody(delivery.body);
        if (ending === false) beats.set(id, (beats.get(id) ?? 0) + 1);
      },
    });
    await listener.ready(soon());
    const times = { usual: 0.2, tiny: 1e-9, huge: 1e300 };
    for (const [id, time] of Object.entries(times)) {
      await send(payload({ method: 'call_it', _unique_id: id, _msg_id: id, _reply_q: 'reply_1', _timeout: time }));
    }
    await eventually(() => (beats.get('usual') ?? 0) >= 3);
    for (const finish of finishes) finish();
    expect(beats.get('tiny')).toBeLessThanOrEqual(5);
    expect(beats.get('huge')).toBeUndefined();
  });

  it('are run for a caller who waits longer than a timer can be set for', async () => {
    await harness.server(service, { maxCalls: 1 });
    let finish = (): void => undefined;
    service.onCall = () => new Promise((resolve) => (finish = () => resolve(null)));
    await send(payload({ method: 'call_slow', _unique_id: 'first' }));
    await eventually(() => service.called.length === 1);
    await send(payload({ method: 'call_patient', _unique_id: 'patient' }), undefined, 2 ** 32);
    await send(payload({ _unique_id: 'later' }));
    await eventually(() => service.kept.length === 1);
    finish();
    await eventually(() => service.called.length === 2);
  });

  it('of a cast method are answered when the request is safe', async () => {
    await harness.server(service);
    expect(await call('cast_it', { n: 1 })).toBeNull();
    expect(service.kept).toHaveLength(1);
  });
});

describe('the server', () => {
  it('drops what is no request and goes on', async () => {
    const server = await harness.server(service);
    const transport = await harness.transport();
    const to = { kind: 'queue', name: 'cinder-volume.h@b' } as const;
    for (const body of ['', 'no json', '[]', '{"oslo.version":"3.0","oslo.message":"{}"}', '{"method":7}']) {
      await transport.publish({ to, body: Buffer.from(body) }, soon());
    }
    await transport.publish({ to, body: Buffer.from([0xff, 0xfe]) }, soon());
    await send(payload({ _unique_id: 'a' }));
    await eventually(() => service.kept.length === 1);
    expect(server.health()).toEqual({ ok: true });
    expect(waiting()).toBe(0);
  });

  it('answers a ping only if that is enabled', async () => {
    await harness.server(service, { pingEnabled: false });
    await expect(call('oslo_rpc_server_ping', {}, '1.0')).rejects.toMatchObject({
      python: { name: 'UnsupportedVersion' },
    });
  });

  it('proves by a message to itself that it consumes, and fails to when it does not', async () => {
    const server = await harness.server(service);
    await server.probe(soon());
    await server.stop({ force: soon() });
    await expect(server.probe(soon())).rejects.toThrow(/does not exist/);
  });

  it('takes a probe from nobody else', async () => {
    await harness.server(service);
    await expect(call('_aa_self_probe', {}, '3.0')).rejects.toMatchObject({ python: { name: 'NoSuchMethod' } });
  });
});
