import { Type } from '@sinclair/typebox';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Snapshot } from '../../../src/domain/rows.ts';
import type { Operation } from '../../../src/volume/operation.ts';
import { eventually } from '../../support/poll.ts';
import { backend, fill, locksOf, World, type Replica } from './replica.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

const { signal } = new AbortController();

/** Two replicas that serve the closed list's methods by doing nothing on the backend. */
async function twoReplicas(isCreatedEmpty = false): Promise<readonly [Replica, Replica]> {
  const operations = [
    fill(world, 'r', { name: 'create_volume' }),
    noting('delete_volume'),
    noting('create_snapshot'),
    noting('delete_snapshot'),
  ];
  const reconcile = { isCreatedEmpty: () => Promise.resolve(isCreatedEmpty) };
  const options = { operations, reconcile };
  return [await world.replica(options), await world.replica(options)];
}

function noting(name: string): Operation {
  const id = (args: object): string => (Object.values(args)[0] as { id: string }).id;
  return fill(world, 'r', {
    name,
    args: Type.Object({}),
    resource: (args) => ({ type: name.endsWith('volume') ? 'Volume' : 'Snapshot', id: id(args) }),
    locks: (args) => Promise.resolve(locksOf(id(args))),
    load: () => Promise.resolve({ nothingToDo: 'noted' }),
  });
}

function snapshot(id: string, status: string, hasWorker = true): void {
  const row = { id, volume_id: 'v', volume_size: 1, status, updated_at: null, created_at: '2026-01-01 00:00:00' };
  world.server.tables.snapshots.set(id, row as unknown as Snapshot);
  if (hasWorker) world.server.tables.workers.set(id, status);
}

function taken(): readonly string[] {
  return [...world.server.tables.entries.values()].map(({ method, resourceId }) => `${method} ${resourceId}`).sort();
}

describe('reconciliation', () => {
  it('makes one entry of each lost request, although two replicas look at once', async () => {
    world.volume('clone', { source_volid: 'source' });
    world.volume('gone', { status: 'deleting' });
    snapshot('s1', 'creating');
    snapshot('s2', 'deleting');
    const replicas = await twoReplicas();
    await Promise.all(replicas.map(({ custody }) => custody.reconciler.turn(signal)));
    expect(taken()).toEqual(['create_snapshot s1', 'create_volume clone', 'delete_snapshot s2', 'delete_volume gone']);
    await eventually(() => world.status('clone') === 'available');
    await eventually(() => [...world.server.tables.entries.values()].every(({ outcome }) => outcome === 'done'));
    expect([...world.server.tables.entries.values()].map(({ origin, claim }) => [origin, claim])).toEqual(
      taken().map(() => ['reconcile', 1]),
    );
  });

  it('leaves alone what is young, carried, in another state or of another backend', async () => {
    world.volume('young', { source_volid: 's', age_ms: 1_000 } as object);
    world.volume('reserved', { status: 'reserved' });
    world.volume('elsewhere', { source_volid: 's', host: 'other@nfs#pool' });
    world.volume('carried', { source_volid: 's' });
    const [one] = await twoReplicas();
    const lease = await one.coordinator.acquire(locksOf('carried'), { waitMs: 'forever', signal });
    await one.receive('carried', 'm1', 'create_volume');
    await one.custody.reconciler.turn(signal);
    expect(taken()).toEqual(['create_volume carried']);
    await lease.release();
  });

  it('looks for younger rows once a broker was lost, when what was on its way must have come', async () => {
    world.volume('before', { source_volid: 's', age_ms: 10_000 } as object);
    world.volume('young', { source_volid: 's', age_ms: 10 } as object);
    const timings = { reconcileAfterLossMs: 200 };
    const replica = await world.replica({ operations: [fill(world, 'r', { name: 'create_volume' })], timings });
    const { reconciler } = replica.custody;
    reconciler.brokerLost();
    reconciler.brokerLost();
    await eventually(() => taken().length > 0);
    await eventually(() => world.status('before') === 'available');
    expect(taken()).toEqual(['create_volume before']);
    expect(world.status('young')).toBe('creating');
  });

  it('does not look without a pause where the database went together with the broker', async () => {
    const afterLossMs = 1;
    const replica = await world.replica({ timings: { reconcileAfterLossMs: afterLossMs } });
    const { reconciler } = replica.custody;
    const looks = vi.spyOn(reconciler, 'turn');
    replica.db.down = true;
    reconciler.brokerLost();
    // Maybe at once, and surely when what was on its way must have come.
    await eventually(() => looks.mock.calls.some(([, olderThanMs]) => olderThanMs === afterLossMs));
    const before = looks.mock.calls.length;
    await sleep(300);
    expect(looks).toHaveBeenCalledTimes(before);
    replica.db.down = false;
  });

  it('never guesses what a volume without a source is made from', async () => {
    world.volume('v1');
    const [careful] = await twoReplicas(false);
    await careful.custody.reconciler.turn(signal);
    expect(taken()).toEqual([]);
    expect(careful.custody.reconciler.uncarried()).toMatchObject([{ type: 'Volume', id: 'v1', status: 'creating' }]);
    const [knowing] = await twoReplicas(true);
    await knowing.custody.reconciler.turn(signal);
    await eventually(() => world.status('v1') === 'available');
    expect(knowing.custody.reconciler.uncarried()).toEqual([]);
  });

  it('never takes a snapshot that was to be taken in for one that was to be made', async () => {
    snapshot('s1', 'creating', false);
    const [one] = await twoReplicas();
    await one.custody.reconciler.turn(signal);
    expect(taken()).toEqual([]);
    const reason = expect.stringContaining('take in') as string;
    expect(one.custody.reconciler.uncarried()).toMatchObject([{ type: 'Snapshot', id: 's1', reason }]);
  });

  it('does not take up the same state of a row again', async () => {
    world.volume('gone', { status: 'deleting' });
    const [one] = await twoReplicas();
    for (let turn = 0; turn < 3; turn += 1) {
      await one.custody.reconciler.turn(signal);
      await eventually(() => one.door.status().length === 0);
    }
    expect(taken()).toEqual(['delete_volume gone']);
    expect([...world.server.tables.entries.values()][0]).toMatchObject({ backend, claim: 1 });
  });

  it('runs what was journalled although the rest of it failed', async () => {
    const ids = Array.from({ length: 150 }, (_, index) => `v${String(index).padStart(3, '0')}`);
    ids.forEach((id) => world.volume(id, { status: 'deleting' }));
    const [one] = await twoReplicas();
    // Two statements: the first hundred go in, the rest never reach the server.
    one.db.fault('journal.receive', 'lost-before', 1, 1);
    await expect(one.custody.reconciler.turn(signal)).rejects.toThrow('connection lost');
    expect(taken()).toHaveLength(100);
    await eventually(() => [...world.server.tables.entries.values()].every(({ outcome }) => outcome === 'done'));
  });
});
