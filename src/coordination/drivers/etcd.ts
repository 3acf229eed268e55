import { delay, raceAbort, withTimeout } from '../../kernel/abort.ts';
import type { Health } from '../../kernel/component.ts';
import { Loop } from '../../kernel/loop.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { EtcdSpec } from '../backend-spec.ts';
import { CoordinationError, type Guarantees, type Holder } from '../coordinator.ts';
import type { HeartbeatDeps } from '../heartbeats.ts';
import { Custody, type HeldLock, type LockBackend, type ReleaseResult } from '../lock-backend.ts';
import { keysOf, standingOf, txnAnswer, type TxnAnswer } from './etcd-answers.ts';
import { EtcdError, EtcdGateway } from './etcd-gateway.ts';
import { EtcdLeases, type Lease } from './etcd-leases.ts';
import type { EtcdKept } from './etcd-renewals.ts';
import {
  allLocks,
  allWaiters,
  changesOf,
  isPythons,
  lookTxn,
  nameOfLock,
  nameOfWaiter,
  newValue,
  releaseTxn,
  takeTxn,
  type Contender,
  type HowToTake,
} from './etcd-requests.ts';
import { PythonAbout } from './python-about.ts';

/** What the first in the queue waits for on average when the lock is free: a gap for Python's peers, who only poll. */
const roomMs = 15;
/** The same while Python's peers take locks, too: they ask once a second, and for each try make a lease first. */
const roomForPythonMs = 120;
/** For so long beyond its room the first may be late before the next tries: a dead waiter's place costs no more. */
const graceMs = 120;
/** A watch that says nothing is not trusted for longer: its connection may be half-open. */
const longestWatchMs = 2_000;

/** One acquisition from its beginning to its release, with a lease of its own. */
interface Entry extends Contender {
  lease: Lease | undefined;
  /** Ends the renewals of that lease. */
  letGo: (() => void) | undefined;
  /** An answer is missing: etcd may have done, or may yet do, what it was asked. */
  unsure: boolean;
}

/**
 * Tooz's `etcd3+http://` lock: a key that is put only where there is none, on a lease that is kept alive. Each
 * acquisition has its own lease, as in Tooz: revoking it takes back whatever an unanswered attempt may have done, and
 * one that arrives still later is refused because its lease is gone. The lock thread renews it.
 *
 * Our waiters stand in a queue beside the lock (a key each, in the order of creation), are woken by a watch when the
 * lock's key ends, and try one after the other. The queue only orders; the key alone decides, so that Python's peers
 * and places of dead waiters cannot stop anybody.
 */
export class EtcdBackend implements LockBackend {
  readonly name = 'etcd locks';
  readonly guarantees: Guarantees = { scope: 'cluster', survivesFailover: true, fifo: true };
  readonly #spec: EtcdSpec;
  readonly #deps: HeartbeatDeps<EtcdKept>;
  readonly #gateway: EtcdGateway;
  readonly #leases: EtcdLeases;
  /** Until their callers give up or give the lock back. */
  readonly #entries = new Set<Entry>();
  readonly #python: PythonAbout;
  readonly #checks: Loop;

  constructor(spec: EtcdSpec, deps: HeartbeatDeps<EtcdKept>) {
    this.#spec = spec;
    this.#deps = deps;
    this.#python = new PythonAbout(deps.clock);
    this.#gateway = new EtcdGateway(spec, deps.log, 'locks');
    this.#leases = new EtcdLeases(spec, { clock: deps.clock, gateway: this.#gateway });
    this.#checks = new Loop({
      turn: () => this.#check(),
      pauseMs: () => this.#gateway.pauseMs(this.#entries.size > 0),
      onError: (error) => this.#deps.log.debug({ err: error }, 'etcd did not answer'),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#gateway.start(signal);
    try {
      await this.#deps.heartbeats.start(signal);
    } catch (error) {
      this.#gateway.close();
      throw error;
    }
    this.#checks.start();
  }

  /** Keys that are still held guard work that still runs; they are left to their time to live. */
  async stop(how: { force: AbortSignal }): Promise<void> {
    await this.#deps.heartbeats.stop(how);
    await this.#checks.stop(how.force);
    await this.#leases.stop(how.force);
    this.#gateway.close();
  }

  health(): Health {
    const serves = this.#gateway.health();
    return serves.ok ? this.#deps.heartbeats.health() : serves;
  }

  /** A server that has died silently is found out before somebody needs it. */
  async #check(): Promise<void> {
    await this.#gateway.probe();
    await this.#leases.refresh();
  }

  acquireOne(wireName: string, signal: AbortSignal): Promise<HeldLock> {
    return this.#enter(wireName, signal, (entry) => this.#contend(entry, signal));
  }

  tryOne(wireName: string, signal: AbortSignal): Promise<HeldLock | undefined> {
    return this.#enter(wireName, signal, (entry) => this.#try(entry, signal));
  }

  /** A call that hangs must not hold up who has given up; its lease is revoked, so it can win nothing any more. */
  async #enter<T>(wireName: string, signal: AbortSignal, work: (entry: Entry) => Promise<T>): Promise<T> {
    const who = { wireName, value: newValue(), memberId: this.#spec.memberId };
    const entry: Entry = { ...who, lease: undefined, letGo: undefined, unsure: false };
    this.#entries.add(entry);
    return raceAbort(work(entry), signal).catch((error: unknown) => {
      this.#forget(entry);
      throw error;
    });
  }

  async #try(entry: Entry, signal: AbortSignal): Promise<HeldLock | undefined> {
    await this.#gateway.whenWell(signal);
    try {
      const outcome = await this.#take(entry, 'at once');
      if (typeof outcome === 'object') return this.#hold(entry, outcome);
      // Refused, and so without a trace.
      this.#entries.delete(entry);
      if (entry.lease !== undefined) this.#leases.giveBack(entry.lease);
    } catch (error) {
      if (error instanceof CoordinationError || signal.aborted) throw error;
      this.#checks.wake();
      this.#forget(entry);
    }
    return undefined;
  }

  async #contend(entry: Entry, signal: AbortSignal): Promise<HeldLock> {
    for (let inTurn = false; ;) {
      await this.#gateway.whenWell(signal);
      try {
        const outcome = await this.#take(entry, inTurn ? 'in turn' : 'queueing');
        if (typeof outcome === 'object') return this.#hold(entry, outcome);
        inTurn = outcome === 'queued' && (await this.#untilInTurn(entry, signal));
      } catch (error) {
        if (error instanceof CoordinationError || signal.aborted) throw error;
        // No lease behind what was asked for: it has run out, and the next try gets a new one.
        if (error instanceof EtcdError && error.status === 404) this.#loseLease(entry);
        this.#checks.wake();
        inTurn = false;
      }
      if (!inTurn) await delay(graceMs * Math.random(), signal);
    }
  }

  /** The lease behind the lock if it was won. `unknown`: the lease ran out meanwhile, so that whatever was won is gone. */
  async #take(entry: Entry, how: HowToTake): Promise<Lease | 'queued' | 'unknown'> {
    const lease = (entry.lease ??= await this.#leases.take());
    if (!this.#entries.has(entry)) this.#giveUp(entry);
    const answer = await this.#txn(entry, takeTxn(entry, lease.id, how));
    if (!this.#entries.has(entry)) this.#giveUp(entry);
    const [holder] = answer.ranges[0] ?? [];
    // The answer to an earlier try may have been lost on the way. The place in the queue ends with the lease.
    const won = answer.succeeded || (holder?.value === entry.value && holder.lease === lease.id);
    if (lease !== entry.lease) return 'unknown';
    if (!won && how !== 'at once') entry.letGo ??= this.#keepPlace(entry, lease);
    return won ? lease : 'queued';
  }

  async #txn(entry: Entry, txn: JsonObject): Promise<TxnAnswer> {
    try {
      return txnAnswer(await this.#gateway.call('kv/txn', txn));
    } catch (error) {
      entry.unsure = true;
      throw error;
    }
  }

  /** Its caller has gone while etcd was asked; a lease that came meanwhile is not revoked yet. */
  #giveUp(entry: Entry): never {
    this.#forget(entry);
    throw new CoordinationError('nobody waits for this lock any more');
  }

  #keepPlace(entry: Entry, lease: Lease): () => void {
    return this.#deps.heartbeats.keep({ lease: lease.id }, lease.proof, () => {
      if (entry.lease === lease) this.#loseLease(entry);
    });
  }

  #loseLease(entry: Entry): void {
    entry.letGo?.();
    entry.letGo = undefined;
    entry.lease = undefined;
  }

  /** True once the lock is free and stayed so for long enough that those before us had their chance. */
  async #untilInTurn(entry: Entry, signal: AbortSignal): Promise<boolean> {
    const watch = this.#gateway.watch(changesOf(entry.wireName));
    try {
      await withTimeout('a watch in etcd', this.#spec.commandTimeoutMs, watch.opened(signal));
      for (;;) {
        watch.forget();
        const { holder, ahead } = standingOf(entry, txnAnswer(await this.#gateway.call('kv/txn', lookTxn(entry))));
        if (holder !== undefined && isPythons(holder)) this.#python.saw();
        const patienceMs = holder === undefined ? this.#turnMs(ahead) : longestWatchMs;
        if (!(await watch.changed(patienceMs, signal))) return holder === undefined;
      }
    } finally {
      watch.close();
    }
  }

  /** How long the lock must stay free until it is ours to take. */
  #turnMs(ahead: number): number {
    const meanMs = this.#python.lately ? roomForPythonMs : roomMs;
    return 2 * meanMs * Math.random() + ahead * (2 * meanMs + graceMs);
  }

  #hold(entry: Entry, lease: Lease): HeldLock {
    entry.letGo?.();
    const { wireName, value } = entry;
    const what = { lease: lease.id, key: { wireName, value } };
    const lost = (why: string): void => custody.lose(why);
    const custody = new Custody();
    custody.proof.extend(lease.proof.untilMs());
    entry.letGo = this.#deps.heartbeats.keep(what, custody.proof, lost);
    return custody.asLock(() => this.#release(entry, lease, custody));
  }

  #release(entry: Entry, lease: Lease, custody: Custody): Promise<ReleaseResult> {
    const wasProvenMs = custody.proof.untilMs();
    this.#entries.delete(entry);
    entry.letGo?.();
    return custody.release(this.#deps.clock, async () => {
      const { succeeded } = await this.#txn(entry, releaseTxn(entry)).catch((error: unknown) => {
        this.#forget(entry);
        throw error;
      });
      if (custody.lost || !succeeded || entry.unsure) {
        this.#forget(entry);
      } else {
        lease.proof.extend(wasProvenMs);
        this.#leases.giveBack(lease);
      }
      return succeeded;
    });
  }

  /** Takes back whatever this acquisition has in etcd or will yet have. */
  #forget(entry: Entry): void {
    this.#entries.delete(entry);
    entry.letGo?.();
    if (entry.lease !== undefined) void this.#leases.revoke(entry.lease);
  }

  async holders(): Promise<readonly Holder[]> {
    const [locks, waiters] = await Promise.all([
      this.#gateway.call('kv/range', allLocks),
      this.#gateway.call('kv/range', allWaiters),
    ]);
    const waiting = keysOf(waiters).map(({ key }) => nameOfWaiter(key));
    return keysOf(locks).map(({ key, value }) => {
      const name = nameOfLock(key);
      const holder = Buffer.from(value, 'base64').toString('hex');
      return { name, holder, waiters: waiting.filter((other) => other === name).length };
    });
  }
}
