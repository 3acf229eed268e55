import { delay, raceAbort } from '../../kernel/abort.ts';
import { Backoff } from '../../kernel/backoff.ts';
import type { Health } from '../../kernel/component.ts';
import { Loop } from '../../kernel/loop.ts';
import type { EtcdSpec } from '../backend-spec.ts';
import { CoordinationError, type Guarantees, type Holder } from '../coordinator.ts';
import { Custody, type HeldLock, type LockBackend, type ReleaseResult } from '../lock-backend.ts';
import type { RemoteBackendDeps } from '../lock-worker-host.ts';
import { keysOf, leaseAnswer, txnAnswer, type TxnAnswer } from './etcd-answers.ts';
import { EtcdError, EtcdGateway } from './etcd-gateway.ts';
import {
  allLocks,
  allWaiters,
  changesOf,
  checkTxn,
  isPythons,
  lookTxn,
  nameOfLock,
  nameOfWaiter,
  newValue,
  queueKey,
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
  /** Set once the lock is won. */
  custody: Custody | undefined;
}

interface Lease {
  readonly id: string;
  /** Until when etcd surely keeps what hangs on it. */
  untilMs: number;
}

/** How things stand for one who does not have the lock. */
interface Standing {
  /** The value in the lock's key, if there is one. */
  readonly holder: string | undefined;
  /** Waiters before us. */
  readonly ahead: number;
}

/**
 * Tooz's `etcd3+http://` lock: a key that is put only where there is none, on a lease that is kept alive. Each
 * acquisition has its own lease, as in Tooz: revoking it takes back whatever an unanswered attempt may have done, and
 * one that arrives still later is refused because its lease is gone.
 *
 * Our waiters stand in a queue beside the lock (a key each, in the order of creation), are woken by a watch when the
 * lock's key ends, and try one after the other. The queue only orders; the key alone decides, so that Python's peers
 * and places of dead waiters cannot stop anybody.
 *
 * Each beat renews the lease and then sees, through the majority, that the key is still ours.
 */
export class EtcdBackend implements LockBackend {
  readonly name = 'etcd locks';
  readonly guarantees: Guarantees = { scope: 'cluster', survivesFailover: true, fifo: true };
  readonly #spec: EtcdSpec;
  readonly #deps: RemoteBackendDeps;
  readonly #gateway: EtcdGateway;
  readonly #entries = new Set<Entry>();
  readonly #python: PythonAbout;
  readonly #backoff: Backoff;
  readonly #beat: Loop;

  constructor(spec: EtcdSpec, deps: RemoteBackendDeps) {
    this.#spec = spec;
    this.#deps = deps;
    this.#python = new PythonAbout(deps.clock);
    this.#gateway = new EtcdGateway(spec, deps.log);
    this.#backoff = new Backoff(spec.reconnect);
    this.#beat = new Loop({
      turn: () => this.#renewAll(),
      pauseMs: () => this.#pauseMs(),
      // A renewal that failed proves nothing: the proofs run out by themselves.
      onError: (error) => this.#deps.log.debug({ err: error }, 'etcd did not confirm a heartbeat'),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#gateway.start(signal);
    this.#beat.start(this.#spec.beatMs);
  }

  /** Keys that are still held guard work that still runs; they are left to their time to live. */
  async stop(): Promise<void> {
    await this.#beat.stop();
    this.#gateway.close();
  }

  health(): Health {
    return this.#gateway.health();
  }

  acquireOne(wireName: string, signal: AbortSignal): Promise<HeldLock> {
    return this.#enter(wireName, signal, (entry) => this.#contend(entry, signal));
  }

  tryOne(wireName: string, signal: AbortSignal): Promise<HeldLock | undefined> {
    return this.#enter(wireName, signal, (entry) => this.#try(entry, signal));
  }

  /** A call that hangs must not hold up who has given up; its lease is revoked, so it can win nothing any more. */
  async #enter<T>(wireName: string, signal: AbortSignal, work: (entry: Entry) => Promise<T>): Promise<T> {
    const value = newValue();
    const entry: Entry = { wireName, value, memberId: this.#spec.memberId, lease: undefined, custody: undefined };
    this.#entries.add(entry);
    return raceAbort(work(entry), signal).catch((error: unknown) => {
      this.#forget(entry);
      throw error;
    });
  }

  async #try(entry: Entry, signal: AbortSignal): Promise<HeldLock | undefined> {
    await this.#gateway.whenWell(signal);
    try {
      if (this.#deps.mayRenew() && (await this.#take(entry, 'at once')) === 'won') return this.#hold(entry);
    } catch (error) {
      if (error instanceof CoordinationError || signal.aborted) throw error;
      this.#beat.wake();
    }
    this.#forget(entry);
    return undefined;
  }

  async #contend(entry: Entry, signal: AbortSignal): Promise<HeldLock> {
    for (let inTurn = false; ;) {
      await this.#gateway.whenWell(signal);
      try {
        const outcome: 'won' | 'queued' | 'unknown' = this.#deps.mayRenew()
          ? await this.#take(entry, inTurn ? 'in turn' : 'queueing')
          : 'unknown';
        if (outcome === 'won') return this.#hold(entry);
        inTurn = outcome === 'queued' && (await this.#untilInTurn(entry, signal));
      } catch (error) {
        if (error instanceof CoordinationError || signal.aborted) throw error;
        // No lease behind what was asked for: it has run out, and the next try gets a new one.
        if (error instanceof EtcdError && error.status === 404) entry.lease = undefined;
        this.#beat.wake();
        inTurn = false;
      }
      if (!inTurn) await delay(graceMs * Math.random(), signal);
    }
  }

  /** `unknown`: the lease ran out meanwhile, so that whatever was won is gone. */
  async #take(entry: Entry, how: HowToTake): Promise<'won' | 'queued' | 'unknown'> {
    entry.lease ??= await this.#grant();
    const { lease } = entry;
    const answer = txnAnswer(await this.#gateway.call('kv/txn', takeTxn(entry, lease.id, how)));
    if (!this.#entries.has(entry)) this.#revoke(lease);
    const [holder] = answer.ranges[0] ?? [];
    // The answer to an earlier try may have been lost on the way. The place in the queue ends with the lease.
    const won = answer.succeeded || (holder?.value === entry.value && holder.lease === lease.id);
    if (!won) return 'queued';
    return lease === entry.lease ? 'won' : 'unknown';
  }

  async #grant(): Promise<Lease> {
    const sentMs = this.#deps.clock.nowMs();
    const request = { TTL: String(Math.ceil(this.#spec.ttlMs / 1000)), ID: '0' };
    const { id, ttlMs } = leaseAnswer(await this.#gateway.call('lease/grant', request));
    return { id, untilMs: sentMs + ttlMs };
  }

  /** True once the lock is free and stayed so for long enough that those before us had their chance. */
  async #untilInTurn(entry: Entry, signal: AbortSignal): Promise<boolean> {
    const watch = this.#gateway.watch(changesOf(entry.wireName));
    try {
      await watch.opened(AbortSignal.any([signal, AbortSignal.timeout(this.#spec.commandTimeoutMs)]));
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

  #hold(entry: Entry): HeldLock {
    const custody = new Custody();
    entry.custody = custody;
    custody.proof.extend(entry.lease?.untilMs ?? 0);
    return {
      proof: custody.proof,
      onLost: (listener) => custody.onLost(listener),
      release: () => this.#release(entry, custody),
    };
  }

  async #release(entry: Entry, custody: Custody): Promise<ReleaseResult> {
    this.#entries.delete(entry);
    const wasProvenMs = custody.proof.untilMs();
    custody.proof.end();
    try {
      const { succeeded } = txnAnswer(await this.#gateway.call('kv/txn', releaseTxn(entry)));
      return custody.lost || !succeeded ? 'lost' : 'released';
    } catch {
      // Whether it reached etcd or not, the key is gone when its lease is.
      return !custody.lost && this.#deps.clock.nowMs() < wasProvenMs ? 'released' : 'lost';
    } finally {
      if (entry.lease !== undefined) this.#revoke(entry.lease);
    }
  }

  /** Takes back whatever this acquisition has in etcd or will yet have. */
  #forget(entry: Entry): void {
    this.#entries.delete(entry);
    if (entry.lease !== undefined) this.#revoke(entry.lease);
  }

  /** If this does not arrive, nobody renews the lease, and its time to live ends it. */
  #revoke({ id }: Lease): void {
    this.#gateway.call('lease/revoke', { ID: id }).catch(() => undefined);
  }

  /** While etcd is away, held locks are a reason to look for it as often as they would be renewed. */
  #pauseMs(): number {
    const { beatMs } = this.#spec;
    if (this.#gateway.health().ok) {
      this.#backoff.reset();
      return beatMs;
    }
    const pauseMs = this.#backoff.nextMs();
    return this.#entries.size === 0 ? pauseMs : Math.min(pauseMs, beatMs);
  }

  async #renewAll(): Promise<void> {
    if (!this.#deps.mayRenew()) {
      this.#deps.log.warn({ locks: this.#entries.size }, 'the main loop is silent: its locks are not renewed');
      return;
    }
    const leased = [...this.#entries].filter(({ lease }) => lease !== undefined);
    if (leased.length === 0) await this.#gateway.probe();
    else await Promise.all(leased.map((entry) => this.#renew(entry)));
  }

  async #renew(entry: Entry): Promise<void> {
    const { lease } = entry;
    if (lease === undefined) return;
    const sentMs = this.#deps.clock.nowMs();
    const { ttlMs } = leaseAnswer(await this.#gateway.call('lease/keepalive', { ID: lease.id }));
    if (ttlMs <= 0) {
      this.#lapse(entry, 'its lease in etcd has run out');
      return;
    }
    const { custody } = entry;
    // The renewal is one member's word; this is the majority's.
    const ours = custody === undefined || txnAnswer(await this.#gateway.call('kv/txn', checkTxn(entry))).succeeded;
    if (!ours) {
      this.#lapse(entry, 'its key in etcd is gone or somebody else’s');
      return;
    }
    lease.untilMs = Math.max(lease.untilMs, sentMs + ttlMs);
    custody?.proof.extend(lease.untilMs);
  }

  /** Given back meanwhile: the answer is about what we ended ourselves. */
  #lapse(entry: Entry, why: string): void {
    if (!this.#entries.has(entry)) return;
    entry.lease = undefined;
    if (entry.custody === undefined) return;
    this.#entries.delete(entry);
    entry.custody.lose(why);
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

function standingOf(entry: Entry, { ranges }: TxnAnswer): Standing {
  const [lock = [], queue = []] = ranges;
  const place = queue.findIndex(({ key }) => key === queueKey(entry));
  return { holder: lock[0]?.value, ahead: place === -1 ? queue.length : place };
}
