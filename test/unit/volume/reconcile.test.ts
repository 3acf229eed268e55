import { Type } from '@sinclair/typebox';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Snapshot } from '../../../src/domain/rows.ts';
import type { Operation } from '../../../src/volume/operation.ts';
import { eventually } from '../../support/poll.ts';
import type { RequestCopies, RpcRequest } from '../../../src/rpc/method.ts';
import { backend, fill, locksOf, request, World, type Replica } from './replica.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

const { signal } = new AbortController();

/** Two replicas that serve the closed list's methods by doing nothing on the backend. */
async function twoReplicas(copies?: RequestCopies): Promise<readonly [Replica, Replica]> {
  const operations = [
    fill(world, 'r', { name: 'create_volume' }),
    noting('delete_volume'),
    noting('create_snapshot'),
    noting('delete_snapshot'),
  ];
  const options = { operations, ...(copies !== undefined && { copies }) };
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

/** Copies of requests to create these volumes, as one who looks alone sees them; a second one is refused. */
class Copies implements RequestCopies {
  readonly volumes: string[];
  looks = 0;
  isAway = false;
  #isBusy = false;

  constructor(...volumes: string[]) {
    this.volumes = volumes;
  }

  async each(topic: string, method: string, onRequest: (found: RpcRequest) => void): Promise<void> {
    expect([topic, method]).toEqual([`cinder-volume.${backend}`, 'create_volume']);
    if (this.#isBusy || this.isAway) throw new Error('somebody else looks');
    this.#isBusy = true;
    this.looks += 1;
    await sleep(1);
    for (const id of this.volumes) onRequest(request(id, `message of ${id}`, method));
    this.#isBusy = false;
  }
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
    for (const copies of [undefined, new Copies(), new Copies('another')]) {
      const [careful] = await twoReplicas(copies);
      expect(await careful.custody.reconciler.turn(signal)).toBe(true);
      expect(taken()).toEqual([]);
      const reason = expect.stringContaining('copy') as string;
      expect(careful.custody.reconciler.uncarried()).toMatchObject([{ id: 'v1', status: 'creating', reason }]);
    }
  });

  it('makes one entry of a copy, although two replicas look at once and the message comes after all', async () => {
    world.volume('v1');
    world.volume('clone', { source_volid: 'source' });
    const copies = new Copies('other', 'v1', 'v1');
    const replicas = await twoReplicas(copies);
    const sure = await Promise.all(replicas.map(({ custody }) => custody.reconciler.turn(signal)));
    // Who was refused the copies looks again, and finds the row carried or done.
    expect(sure.toSorted()).toEqual([false, true]);
    await Promise.all(replicas.map(({ custody }) => custody.reconciler.turn(signal)));
    await eventually(() => world.status('v1') === 'available');
    expect(taken()).toEqual(['create_volume clone', 'create_volume v1']);
    expect(replicas.flatMap(({ custody }) => custody.reconciler.uncarried())).toEqual([]);
    await replicas[1].receive('v1', 'message of v1', 'create_volume');
    await eventually(() => [...world.server.tables.entries.values()].every(({ outcome }) => outcome === 'done'));
    expect(world.made.filter(({ volume }) => volume === 'v1')).toHaveLength(1);
  });

  it('looks for a copy again until it saw them all, and then only when a broker was lost once more', async () => {
    world.volume('v1');
    const copies = new Copies();
    copies.isAway = true;
    const timings = { reconcileAfterLossMs: 1 };
    const operations = [fill(world, 'r', { name: 'create_volume' })];
    const { reconciler } = (await world.replica({ operations, copies, timings })).custody;
    expect(await reconciler.turn(signal)).toBe(false);
    expect(reconciler.uncarried()).toMatchObject([{ id: 'v1' }]);
    copies.isAway = false;
    for (let turn = 0; turn < 3; turn += 1) expect(await reconciler.turn(signal)).toBe(true);
    expect(copies.looks).toBe(1);
    copies.volumes.push('v1');
    reconciler.brokerLost();
    await eventually(() => world.status('v1') === 'available');
    expect(taken()).toEqual(['create_volume v1']);
  });

  it('looks for a copy again whose entry could not be journalled', async () => {
    world.volume('v1');
    const [one] = await twoReplicas(new Copies('v1'));
    one.db.fault('journal.receive', 'lost-before');
    await expect(one.custody.reconciler.turn(signal)).rejects.toThrow('connection lost');
    await one.custody.reconciler.turn(signal);
    await eventually(() => world.status('v1') === 'available');
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
