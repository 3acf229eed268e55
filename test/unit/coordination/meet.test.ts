import { afterEach, describe, expect, it } from 'vitest';
import type { Coordinator } from '../../../src/coordination/coordinator.ts';
import { MemoryLocks } from '../../../src/coordination/drivers/memory.ts';
import { lockNames, wireName } from '../../../src/coordination/lock-names.ts';
import { Meet } from '../../../src/coordination/meet.ts';
import { MemberLook } from '../../../src/coordination/meet-look.ts';
import type { Incarnation, IncarnationRepository } from '../../../src/db/ports/custody.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { eventually } from '../../support/poll.ts';
import { memoryCoordinator } from './memory-coordinator.ts';

const forever = new AbortController().signal;

/** A clock that the test moves on. */
const clock = {
  ms: 1_000_000,
  nowMs() {
    return this.ms;
  },
};

/** The database's list of members, all of which are alive until they are silenced. */
class Rows implements Pick<IncarnationRepository, 'list' | 'setProbe'> {
  readonly rows = new Map<string, Incarnation>();
  /** How often it was asked for. */
  lists = 0;

  add(id: string, given: Partial<Incarnation> = {}): void {
    const row = { id, host: `host-${id}`, pid: 1, version: '1', serves: ['c@b'], startedAt: '', beatAgeMs: 0 };
    this.rows.set(id, { ...row, holdsProbe: false, ...given });
  }

  change(id: string, changes: Partial<Incarnation>): void {
    const row = this.rows.get(id);
    if (row !== undefined) this.rows.set(id, { ...row, ...changes });
  }

  list(): Promise<readonly Incarnation[]> {
    this.lists += 1;
    return Promise.resolve([...this.rows.values()]);
  }

  onSetProbe: (id: string) => unknown = () => undefined;

  async setProbe(id: string, holdsProbe: boolean): Promise<void> {
    await Promise.resolve(this.onSetProbe(id));
    this.change(id, { holdsProbe });
  }
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function coordinatorOn(locks: MemoryLocks): Promise<Coordinator> {
  const { coordinator, stop } = await memoryCoordinator(locks, clock);
  stops.push(stop);
  return coordinator;
}

async function startMember(id: string, rows: Rows, locks: MemoryLocks, intervalMs = 10): Promise<Meet> {
  rows.add(id);
  const meet = new Meet({
    coordinator: await coordinatorOn(locks),
    incarnations: rows,
    self: { id, serves: ['c@b'] },
    intervalMs,
    presumedDeadAfterMs: 10_000,
    tryMs: 30,
    clock,
    log: silentLogger,
  });
  await meet.start();
  stops.push(() => meet.stop({ force: AbortSignal.abort() }));
  return meet;
}

const seenBy = (meet: Meet): Record<string, string> =>
  Object.fromEntries(meet.members().map(({ id, meeting }) => [id, meeting]));

describe('members', () => {
  it('that share their locks meet', async () => {
    const [rows, locks] = [new Rows(), new MemoryLocks()];
    const [a, b] = [await startMember('a', rows, locks), await startMember('b', rows, locks)];
    await eventually(() => seenBy(a)['b'] === 'meets' && seenBy(b)['a'] === 'meets');
    expect(a.health()).toEqual({ ok: true });
    expect(locks.held.has('cinder-aa-meet-a')).toBe(true);
  });

  it('that do not share their locks find each other out, and meet when they do', async () => {
    const [rows, locks] = [new Rows(), new MemoryLocks()];
    const a = await startMember('a', rows, locks);
    const b = await startMember('b', rows, new MemoryLocks());
    await eventually(() => seenBy(a)['b'] === 'unsure' && seenBy(b)['a'] === 'unsure');
    expect(a.health().ok).toBe(true);
    clock.ms += 5000;
    await eventually(() => seenBy(a)['b'] === 'apart' && seenBy(b)['a'] === 'apart');
    expect(a.health()).toEqual({
      ok: false,
      detail: 'no common locks with host-b (pid 1); compare [coordination]',
    });
    await b.stop({ force: AbortSignal.abort() });
    rows.rows.delete('b');
    await eventually(() => a.health().ok);
    await startMember('b', rows, locks);
    await eventually(() => seenBy(a)['b'] === 'meets');
  });

  it('have to meet only where they serve a backend in common, and while they live', async () => {
    const [rows, locks] = [new Rows(), new MemoryLocks()];
    rows.add('elsewhere', { serves: ['other@b'], holdsProbe: true });
    rows.add('dead', { beatAgeMs: 10_001, holdsProbe: true });
    rows.add('old', { holdsProbe: false });
    const a = await startMember('a', rows, locks);
    await eventually(() => seenBy(a)['old'] === 'unsure');
    clock.ms += 5000;
    expect(seenBy(a)).toEqual({ old: 'unsure' });
    expect(a.health().ok).toBe(true);
  });

  it('take the lock in their name again when it was lost', async () => {
    const [rows, locks] = [new Rows(), new MemoryLocks()];
    const a = await startMember('a', rows, locks);
    const b = await startMember('b', rows, locks);
    await eventually(() => seenBy(b)['a'] === 'meets');
    const probe = wireName(lockNames.meet('a'));
    const first = locks.held.get(probe);
    locks.drop(probe);
    await eventually(() => locks.held.has(probe) && locks.held.get(probe) !== first && rows.rows.get('a')?.holdsProbe);
    await eventually(() => seenBy(b)['a'] === 'meets');
    expect(a.health().ok).toBe(true);
  });

  it('leave no lock behind', async () => {
    const [rows, locks] = [new Rows(), new MemoryLocks()];
    const a = await startMember('a', rows, locks);
    await eventually(() => locks.held.size === 1);
    await a.stop({ force: forever });
    expect(locks.held.size).toBe(0);
  });

  it('do not accuse one that has stopped locking and still lives to finish its work', async () => {
    const [rows, locks] = [new Rows(), new MemoryLocks()];
    const b = await startMember('b', rows, locks);
    const a = await startMember('a', rows, locks);
    await eventually(() => seenBy(a)['b'] === 'meets');
    const told: boolean[] = [];
    rows.onSetProbe = (id) => id === 'b' && told.push(locks.held.has('cinder-aa-meet-b'));
    await b.stop({ force: forever });
    expect(told).toEqual([true]);
    expect(rows.rows.get('b')?.holdsProbe).toBe(false);
    await eventually(() => seenBy(a)['b'] === 'unsure');
    clock.ms += 5000;
    const before = rows.lists;
    await eventually(() => rows.lists > before + 1);
    expect(seenBy(a)['b']).toBe('unsure');
  });

  it('hold the lock in their name also while the database takes no news of it', async () => {
    const [rows, locks] = [new Rows(), new MemoryLocks()];
    rows.onSetProbe = () => {
      throw new Error('the database is away');
    };
    await startMember('a', rows, locks);
    await eventually(() => locks.held.has('cinder-aa-meet-a'));
    const first = locks.held.get('cinder-aa-meet-a');
    rows.onSetProbe = () => undefined;
    await eventually(() => rows.rows.get('a')?.holdsProbe);
    expect(locks.held.get('cinder-aa-meet-a')).toBe(first);
  });

  it('hold nothing and look at nobody with an interval of 0', async () => {
    const [rows, locks] = [new Rows(), new MemoryLocks()];
    const b = await startMember('b', rows, locks);
    const a = await startMember('a', rows, locks, 0);
    await eventually(() => seenBy(b)['a'] === 'unsure');
    expect(a.members()).toEqual([]);
    expect(locks.held.has('cinder-aa-meet-a')).toBe(false);
  });
});

describe('a look at members', () => {
  const lookWith = (coordinator: Coordinator, rows: Rows): MemberLook =>
    new MemberLook({
      coordinator,
      members: () => rows.list(),
      self: { id: 'self', serves: ['c@b'] },
      presumedDeadAfterMs: 10_000,
      tryMs: 20,
      clock,
    });

  it('does not accuse a member that died after its last heartbeat', async () => {
    const rows = new Rows();
    const look = lookWith(await coordinatorOn(new MemoryLocks()), rows);
    rows.add('a', { holdsProbe: true });
    await look.turn(forever);
    clock.ms += 5000;
    rows.change('a', { beatAgeMs: 5000 });
    await look.turn(forever);
    expect(look.members).toMatchObject([{ id: 'a', meeting: 'unsure' }]);
    rows.change('a', { beatAgeMs: 0 });
    await look.turn(forever);
    expect(look.members).toMatchObject([{ id: 'a', meeting: 'apart' }]);
  });

  it('takes no silence of the lock service for a refusal', async () => {
    const [rows, locks] = [new Rows(), new MemoryLocks()];
    const coordinator = await coordinatorOn(locks);
    rows.add('a', { holdsProbe: true });
    const block = (name: string) => locks.mutex.acquire(name, forever);
    await block(wireName(lockNames.meet('a')));
    await block(wireName(lockNames.meetControl));
    const look = lookWith(coordinator, rows);
    await look.turn(forever);
    expect(look.members).toMatchObject([{ meeting: 'unsure', why: 'the lock service did not answer in time' }]);
  });

  it('goes through a large cluster in several turns, strangers first', async () => {
    const [rows, locks] = [new Rows(), new MemoryLocks()];
    const look = lookWith(await coordinatorOn(locks), rows);
    for (let n = 0; n < 20; n += 1) rows.add(`m${n}`);
    await look.turn(forever);
    expect(look.members).toHaveLength(8);
    await look.turn(forever);
    await look.turn(forever);
    expect(look.members).toHaveLength(20);
  });
});
