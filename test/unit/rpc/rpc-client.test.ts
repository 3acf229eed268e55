import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/poll.ts';
import { FakeService, RpcHarness, soon, target } from './rpc-harness.ts';

describe('the client', () => {
  let harness: RpcHarness;
  let service: FakeService;

  beforeEach(async () => {
    harness = await RpcHarness.start();
    service = new FakeService();
  });
  afterEach(() => harness.stop());

  it('gives up a call after its time, without knowing what became of it, and drops the late reply', async () => {
    await harness.server(service);
    let finish = (): void => undefined;
    service.onCall = () => new Promise((resolve) => (finish = () => resolve('late')));
    const client = await harness.client();
    const options = { timeoutMs: 50, signal: soon() };
    await expect(client.call(target, 'call_it', '3.0', {}, options)).rejects.toMatchObject({
      name: 'TimeoutError',
      outcome: 'unknown',
    });
    finish();
    service.onCall = () => Promise.resolve('in time');
    expect(await client.call(target, 'call_it', '3.0', {}, { timeoutMs: 5_000, signal: soon() })).toBe('in time');
  });

  it('keeps the answers of calls at the same time apart', async () => {
    await harness.server(service, { maxCalls: 8 });
    service.onCall = async ({ plain }) => {
      await new Promise((resolve) => setTimeout(resolve, 10 - Number(plain['n'])));
      return plain;
    };
    const client = await harness.client();
    const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
    const options = { timeoutMs: 5_000, signal: soon() };
    const answers = await Promise.all(numbers.map((n) => client.call(target, 'call_it', '3.0', { n }, options)));
    expect(answers).toEqual(numbers.map((n) => ({ n })));
  });

  it('stops waiting when its signal aborts', async () => {
    await harness.server(service);
    service.onCall = () => new Promise(() => undefined);
    const client = await harness.client();
    const controller = new AbortController();
    const answer = client.call(target, 'call_it', '3.0', {}, { timeoutMs: 60_000, signal: controller.signal });
    await eventually(() => service.called.length === 1);
    controller.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
  });

  it('gets the reply of a call during which its own connection broke', async () => {
    await harness.server(service);
    let finish = (): void => undefined;
    service.onCall = () => new Promise((resolve) => (finish = () => resolve('through')));
    const client = await harness.client();
    const answer = client.call(target, 'call_it', '3.0', {}, { timeoutMs: 10_000, signal: soon() });
    await eventually(() => service.called.length === 1);
    harness.hub.disconnectAll();
    finish();
    expect(await answer).toBe('through');
  });

  it('casts without waiting for anything but the broker', async () => {
    await harness.server(service);
    const client = await harness.client();
    await client.cast(target, 'cast_it', '3.0', { n: 1 }, soon());
    await eventually(() => service.kept.length === 1);
    expect(service.kept[0]?.context).toMatchObject({ is_admin: true, roles: ['admin'], read_deleted: 'no' });
  });
});
