import { writeFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Coordinator, Lease } from '../../../src/coordination/coordinator.ts';
import { lockName, wireName, type LockName } from '../../../src/coordination/lock-names.ts';
import { abortReason } from '../../../src/kernel/abort.ts';
import { eventually } from '../../support/poll.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { defaults, spawnMember, startMember, stopMember, type MemberOptions } from './members.ts';

export interface Subject {
  /** Options of one member; all members of one subject share the locks. */
  readonly member: MemberOptions;
  /** Whether members may be processes of their own. */
  readonly processes: boolean;
  /** Takes a lock away from its holder, as an operator or a failing server might. */
  readonly dropLock?: (wireName: string) => Promise<void>;
  /** How long a killed process's lock may outlive it. */
  readonly outlivesMs: number;
  close(): Promise<void>;
}

/** By their codes: the built module has error classes of its own. */
const coordinationError: unknown = expect.objectContaining({ code: 'COORDINATION' });
const leaseLost: unknown = expect.objectContaining({ code: 'LEASE_LOST' });
const lockTimeout: unknown = expect.objectContaining({ code: 'LOCK_TIMEOUT' });

const forever = new AbortController().signal;
let made = 0;
const newName = (): LockName => lockName(`test-${process.pid}-${(made += 1)}`);

/** What every lock backend keeps to, in-memory ones included. */
export function describeCoordinator(backend: string, setUp: () => Promise<Subject>): void {
  describe(`the coordinator on ${backend}`, () => {
    let subject: Subject;
    let one: Coordinator;
    let two: Coordinator;
    let dir: string;

    beforeAll(async () => {
      dir = await makeTempDir();
      subject = await setUp();
      [one, two] = await Promise.all([startMember(subject.member), startMember(subject.member)]);
    });
    afterAll(async () => {
      await Promise.all([one, two].map(stopMember));
      await subject.close();
      await removeDir(dir);
    });

    const take = (by: Coordinator, ...names: readonly LockName[]): Promise<Lease> =>
      by.acquire(names, { waitMs: 10_000, signal: forever });
    const holderOf = async (name: LockName) => (await one.holders()).find((holder) => holder.name === wireName(name));

    it('is ready, and says what it guarantees', () => {
      expect(one.health()).toEqual({ ok: true });
      expect(['process', 'host', 'cluster']).toContain(one.guarantees.scope);
    });

    it('gives a lock to one member at a time', async () => {
      const name = newName();
      const lease = await take(one, name);
      lease.assertHeld();
      expect(lease.provableUntilMs).toBeGreaterThan(defaults.clock.nowMs());
      let served = false;
      const waiting = take(two, name).then((next) => ((served = true), next));
      await eventually(() => two.local().waiting.includes(name));
      await expect(two.acquire([name], { waitMs: 250, signal: forever })).rejects.toThrow(lockTimeout);
      expect(served).toBe(false);
      expect(await holderOf(name)).toBeDefined();
      await expect(lease.release()).resolves.toBe('released');
      const next = await waiting;
      next.assertHeld();
      expect(() => lease.assertHeld()).toThrow(leaseLost);
      await next.release();
      await eventually(async () => (await holderOf(name)) === undefined);
    });

    it('serves the waiters of one process in their order', async () => {
      const name = newName();
      const first = await take(one, name);
      const order: number[] = [];
      const waits = [0, 1, 2, 3, 4].map(async (index) => {
        const lease = await take(one, name);
        order.push(index);
        await lease.release();
      });
      await first.release();
      await Promise.all(waits);
      expect(order).toEqual([0, 1, 2, 3, 4]);
    });

    it('serves the waiters of different members in their order where it says so', async (test) => {
      if (!one.guarantees.fifo) return test.skip();
      const name = newName();
      const third = await startMember(subject.member);
      const order: string[] = [];
      const first = await take(one, name);
      const serve = async (label: string, by: Coordinator): Promise<void> => {
        const lease = await take(by, name);
        order.push(label);
        await lease.release();
      };
      const waits = [serve('two', two)];
      await eventually(async () => (await holderOf(name))?.waiters === 1);
      waits.push(serve('third', third));
      await eventually(async () => (await holderOf(name))?.waiters === 2);
      waits.push(serve('one', one));
      await first.release();
      await Promise.all(waits);
      expect(order).toEqual(['two', 'third', 'one']);
      await stopMember(third);
    });

    it('takes several names sorted, each once', async () => {
      const [a, b] = [newName(), newName()].sort();
      if (a === undefined || b === undefined) throw new Error('two names');
      const lease = await take(one, b, a, b);
      expect(lease.names).toEqual([a, b]);
      expect(one.local().held).toEqual([a, b]);
      await lease.release();
      expect(one.local()).toEqual({ held: [], waiting: [] });
    });

    it('takes all names or none, and names the one that was not to be had', async () => {
      const [a, b] = [newName(), newName()].sort();
      if (a === undefined || b === undefined) throw new Error('two names');
      const lease = await take(two, b);
      const failure = one.acquire([a, b], { waitMs: 300, signal: forever });
      await expect(failure).rejects.toThrow(`lock ${b} was not to be had within 300 ms`);
      await (await two.acquire([a], { waitMs: 5000, signal: forever })).release();
      await lease.release();
    });

    it('takes several names once the last of them is free, and leaves the others to others until then', async () => {
      const [a, b] = [newName(), newName()].sort();
      if (a === undefined || b === undefined) throw new Error('two names');
      const blocker = await take(two, a);
      const waiting = take(one, a, b);
      await eventually(() => one.local().waiting.includes(a));
      await (await take(two, b)).release();
      await blocker.release();
      const lease = await waiting;
      for (const name of [a, b])
        await expect(two.acquire([name], { waitMs: 100, signal: forever })).rejects.toThrow('not to be had');
      await expect(lease.release()).resolves.toBe('released');
      await (await take(two, a, b)).release();
    });

    it('takes crossing sets of names without a deadlock', async () => {
      const names = [newName(), newName(), newName()];
      const pick = async (by: Coordinator, ...which: readonly number[]): Promise<void> => {
        for (let round = 0; round < 5; round += 1) {
          const lease = await take(by, ...which.flatMap((index) => names[index] ?? []));
          await lease.release();
        }
      };
      await Promise.all([pick(one, 0, 1), pick(two, 1, 2), pick(one, 2, 0), pick(two, 2, 1, 0)]);
    });

    it('leaves nothing behind when a wait is cancelled', async () => {
      const name = newName();
      const lease = await take(one, name);
      const cancel = new AbortController();
      const waits = [one, two].map((by) => by.acquire([name], { waitMs: 'forever', signal: cancel.signal }));
      await eventually(() => two.local().waiting.includes(name) && one.local().waiting.includes(name));
      cancel.abort(new Error('never mind'));
      for (const wait of waits) await expect(wait).rejects.toThrow('never mind');
      expect(two.local().waiting).toEqual([]);
      await lease.release();
      const next = await two.acquire([name], { waitMs: 2000, signal: forever });
      await next.release();
      await eventually(async () => (await holderOf(name)) === undefined);
    });

    it.each([1, 2])('leaves nothing behind when waits for %i locks are cancelled at any moment', async (count) => {
      const names = Array.from({ length: count }, newName);
      // What it left behind would be in the way for longer than anybody waits here.
      const hasty = await startMember({ ...subject.member, lockTtlMs: 30_000 });
      for (let pauseMs = 0; pauseMs < 20; pauseMs += 1) {
        const cancel = new AbortController();
        const wait = hasty.acquire(names, { waitMs: 'forever', signal: cancel.signal });
        setTimeout(() => cancel.abort(new Error('enough')), pauseMs / 4);
        await wait.then(
          (lease) => lease.release(),
          (error: unknown) => expect(error).toEqual(abortReason(cancel.signal)),
        );
      }
      await (await take(two, ...names)).release();
      await eventually(async () => (await Promise.all(names.map(holderOf))).every((holder) => holder === undefined));
      await stopMember(hasty);
    });

    it('gives a lock back for certain while it is being renewed', { timeout: 30_000 }, async () => {
      const name = newName();
      const restless = await startMember({ ...subject.member, heartbeatMs: 1 });
      for (let turn = 0; turn < 100; turn += 1) {
        const lease = await take(restless, name);
        expect(await lease.release()).toBe('released');
      }
      await stopMember(restless);
    });

    it('refuses at once when the signal has aborted already', async () => {
      const options = { waitMs: 'forever', signal: AbortSignal.abort(new Error('too late')) } as const;
      await expect(one.acquire([newName()], options)).rejects.toThrow('too late');
    });

    it('aborts the lease of a lock that was taken away, and gives it to the next', async (test) => {
      if (subject.dropLock === undefined) return test.skip();
      const name = newName();
      const lease = await take(one, name);
      const waiting = take(two, name);
      await subject.dropLock(wireName(name));
      await eventually(() => lease.signal.aborted);
      expect(() => lease.assertHeld()).toThrow(leaseLost);
      expect(lease.provableUntilMs).toBe(-Infinity);
      const next = await waiting;
      await expect(lease.release()).resolves.toBe('lost');
      next.assertHeld();
      await expect(next.release()).resolves.toBe('released');
    });

    it('loses no update of members that count together', { timeout: 60_000 }, async () => {
      const name = newName();
      const file = path.join(dir, name);
      writeFileSync(file, '0');
      const [members, times] = [4, 25];
      const work = Array.from({ length: members }, (_, index) =>
        subject.processes ? countInProcess(name, file, times) : countHere(index % 2 ? one : two, name, file, times),
      );
      await Promise.all(work);
      expect(Number(readFileSync(file, 'utf8'))).toBe(members * times);
    });

    const countInProcess = async (name: LockName, file: string, times: number): Promise<void> => {
      const member = await spawnMember(memberJson(), 'count', name, file, String(times));
      expect(await member.line()).toBe('done');
      expect(await member.exited).toBe(0);
    };
    const memberJson = (): string => {
      return JSON.stringify({ ...defaults, ...subject.member, clock: undefined, log: undefined });
    };

    it('gives a killed process’s lock to the next', async (test) => {
      if (!subject.processes) return test.skip();
      const name = newName();
      const member = await spawnMember(memberJson(), 'hold', name);
      expect(await member.line()).toBe('held');
      const waiting = two.acquire([name], { waitMs: subject.outlivesMs + 5000, signal: forever });
      await eventually(() => two.local().waiting.includes(name));
      member.kill('SIGKILL');
      await (await waiting).release();
    });

    it('passes over a waiter whose process was killed', async (test) => {
      if (!subject.processes) return test.skip();
      const name = newName();
      const lease = await take(one, name);
      const member = await spawnMember(memberJson(), 'wait', name);
      expect(await member.line()).toBe('waiting');
      await eventually(async () => ((await holderOf(name))?.waiters ?? 1) === 1);
      const waiting = two.acquire([name], { waitMs: subject.outlivesMs + 5000, signal: forever });
      member.kill('SIGKILL');
      await lease.release();
      await (await waiting).release();
    });

    it('ends waits and leases when it stops, and refuses from then on', async () => {
      const [held, waited] = [newName(), newName()];
      const blocker = await take(one, waited);
      const third = await startMember(subject.member);
      const lease = await take(third, held);
      const waiting = third.acquire([waited], { waitMs: 'forever', signal: forever });
      const failure = expect(waiting).rejects.toThrow(coordinationError);
      lease.signal.addEventListener('abort', () => void lease.release());
      await stopMember(third);
      await failure;
      expect(lease.signal.reason).toEqual(leaseLost);
      expect(third.health().ok).toBe(false);
      await expect(take(third, held)).rejects.toThrow('not running');
      await (await take(two, held)).release();
      await blocker.release();
    });
  });
}

async function countHere(by: Coordinator, name: LockName, file: string, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    const lease = await by.acquire([name], { waitMs: 'forever', signal: forever });
    const before = Number(readFileSync(file, 'utf8'));
    await new Promise((resolve) => setImmediate(resolve));
    writeFileSync(file, String(before + 1));
    await lease.release();
  }
}
