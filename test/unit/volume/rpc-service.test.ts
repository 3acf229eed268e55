import { Type } from '@sinclair/typebox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import type { RpcService } from '../../../src/rpc/method.ts';
import type { OperationPorts } from '../../../src/volume/operation.ts';
import { createRpcService, type RpcCall } from '../../../src/volume/rpc-service.ts';
import { eventually } from '../../support/poll.ts';
import { backend, request, World } from './replica.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

const { signal } = new AbortController();

async function service(run: RpcCall['run'], callLane = 1): Promise<RpcService> {
  const replica = await world.replica({ slots: 1 });
  const ask: RpcCall = { name: 'ask', args: Type.Object({ volume: Type.Object({ id: Type.String() }) }), run };
  const ports = { db: replica.db, backend: { workOf: backend } } as unknown as OperationPorts;
  const { door, calls: custody } = replica.custody;
  return createRpcService({ door, custody, ports, calls: [ask], version: '3.17', callLane, log: silentLogger });
}

describe('the table of methods', () => {
  it('knows calls and casts, and nothing else', async () => {
    const rpc = await service(() => Promise.resolve(null));
    expect(['ask', 'fill', 'run_periodic_tasks'].map((name) => rpc.kindOf(name))).toEqual(['call', 'cast', null]);
  });

  it('answers a call, and names the argument that does not fit', async () => {
    const rpc = await service((args) => Promise.resolve({ got: (args as { volume: { id: string } }).volume.id }));
    expect(await rpc.call(request('v1', 'm', 'ask'), signal)).toEqual({ got: 'v1' });
    const misfit = { ...request('v1', 'm', 'ask'), plain: { volume: { id: 7 } } };
    await expect(rpc.call(misfit, signal)).rejects.toThrow(/volume\.id/);
  });

  it('does not start a call whose caller has given up while it waited', async () => {
    let started = 0;
    let finish = (): void => undefined;
    const rpc = await service(() => {
      started += 1;
      return new Promise((resolve) => (finish = () => resolve(null)));
    });
    const first = rpc.call(request('v1', 'm1', 'ask'), signal);
    await eventually(() => started === 1);
    const patience = new AbortController();
    const second = rpc.call(request('v2', 'm2', 'ask'), patience.signal);
    patience.abort(new Error('gave up'));
    await expect(second).rejects.toThrow('gave up');
    finish();
    await first;
    expect(started).toBe(1);
  });

  it('answers a call that is carried as an entry when somebody has ended it, once for a message that comes twice', async () => {
    const run: RpcCall['run'] = async (_args, { carried }) => (await carried()).outcome;
    const rpc = await service(run, 2);
    world.volume('v1');
    const fill = (patience = signal): Promise<unknown> => {
      const { run: carry, ...ask } = { run, name: 'fill', args: Type.Object({}) };
      const [replica] = world.replicas;
      if (replica === undefined) throw new Error('no replica');
      const { door, calls: custody } = replica.custody;
      const ports = { db: replica.db, backend: { workOf: backend } } as unknown as OperationPorts;
      const both = { door, custody, ports, version: '3.17', callLane: 2, log: silentLogger };
      return createRpcService({ ...both, calls: [{ ...ask, run: carry }] }).call(request('v1', 'm1'), patience);
    };
    expect(await Promise.all([fill(), fill()])).toEqual(['done', 'done']);
    expect(await fill()).toBe('done');
    expect(world.made).toHaveLength(1);
    await expect(rpc.call(request('v1', 'm9', 'ask'), signal)).rejects.toThrow('has not taken');
  });

  it('answers calls while all slots of casts are in use', async () => {
    const rpc = await service(() => Promise.resolve('quick'));
    world.volume('v1');
    const [replica] = world.replicas;
    const { frozen, thaw } = replica?.freezeAt('loaded', true) ?? {
      frozen: Promise.reject(new Error()),
      thaw: () => 0,
    };
    await rpc.accept(request('v1', 'm1'));
    await frozen;
    expect(await rpc.call(request('v1', 'm2', 'ask'), signal)).toBe('quick');
    thaw();
    await eventually(() => world.status('v1') === 'available');
  });
});
