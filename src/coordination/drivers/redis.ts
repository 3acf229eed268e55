import { randomUUID } from 'node:crypto';
import { abortReason, delay } from '../../kernel/abort.ts';
import type { Health } from '../../kernel/component.ts';
import { around } from '../../kernel/jitter.ts';
import { Loop } from '../../kernel/loop.ts';
import type { RedisSpec } from '../backend-spec.ts';
import { CoordinationError, type Guarantees, type Holder } from '../coordinator.ts';
import { Custody, type HeldLock, type LockBackend, type ReleaseResult } from '../lock-backend.ts';
import type { RemoteBackendDeps } from '../lock-worker-host.ts';
import { RedisCalls, type RedisCall } from './redis-calls.ts';
import { openRedis, RedisConnection } from './redis-connection.ts';
import {
  callPrefix,
  firstInQueue,
  queueKey,
  redisKeys,
  releaseScript,
  renewScript,
  taken,
  takeScript,
  waitersScript,
} from './redis-scripts.ts';

/** Between two looks of the first in a queue, on average: Python's clients give a lock back without a word. */
const firstLooksMs = 30;
/** Between two looks of the others, which keep their places. */
const othersLookMs = 250;
/** While one of ours hands over to the next, for at most so long on average Python's, who poll, find the lock free. */
const mostRoomMs = 15;
/** The room in proportion to the time for which the lock was held: a short change shall not wait for long. */
const roomShare = 1 / 4;

/** One who wants a lock. */
interface Contender {
  /** The lock's keys and last its queue's. */
  readonly keys: readonly string[];
  readonly token: string;
  /** In the queue: where to call us, and the token. */
  readonly who: string;
}

/** What one is told who does not get the lock; `unknown`: the server did not answer, or the main loop is silent. */
type Refusal = 'first' | 'waits' | 'unknown';

/** Whether one who does not get the lock joins its queue. */
type Patience = 'waiting' | 'at once';

interface Held extends Contender {
  readonly custody: Custody;
  readonly sinceMs: number;
}

/**
 * Tooz's `redis://` lock: a key with a random token and a time to live, renewed by a beat. Both of Tooz's spellings of
 * the key are taken together, unless the operator names one, because peers of either release may be about.
 *
 * Our waiters stand in a queue beside the lock. Who gives the lock back calls the first of them; Python's peers, who
 * know of no queue and only poll, find it free in between. The queue only orders: the keys alone decide.
 *
 * Redis does not promise to keep an acknowledged key (a restart without persistence, a failover to a replica that had
 * not got it yet); the next beat finds that out.
 */
export class RedisBackend implements LockBackend {
  readonly name = 'redis locks';
  readonly guarantees: Guarantees = { scope: 'cluster', survivesFailover: false, fifo: true };
  readonly #spec: RedisSpec;
  readonly #deps: RemoteBackendDeps;
  readonly #connection: RedisConnection;
  readonly #calls: RedisCalls;
  readonly #clientId = randomUUID();
  readonly #held = new Set<Held>();
  readonly #beat: Loop;

  constructor(spec: RedisSpec, deps: RemoteBackendDeps) {
    this.#spec = spec;
    this.#deps = deps;
    this.#connection = new RedisConnection(spec, deps.log);
    this.#calls = new RedisCalls({
      connect: () => openRedis(spec),
      channel: callPrefix(spec) + this.#clientId,
      answerWithinMs: spec.commandTimeoutMs,
      log: deps.log,
    });
    this.#beat = new Loop({
      turn: () => this.#renewAll(),
      pauseMs: () => this.#spec.beatMs,
      // A renewal that failed proves nothing: the proofs run out by themselves.
      onError: (error) => this.#deps.log.debug({ err: error }, 'Redis did not confirm a heartbeat'),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#connection.start(signal);
    this.#beat.start(this.#spec.beatMs);
  }

  /** Keys that are still held guard work that still runs; they are left to their time to live. */
  async stop(): Promise<void> {
    await this.#beat.stop();
    this.#calls.close();
    this.#connection.close();
  }

  health(): Health {
    return this.#connection.health();
  }

  acquireOne(wireName: string, signal: AbortSignal): Promise<HeldLock> {
    return this.#contend(wireName, async (contender) => {
      const first = await this.#try(contender, signal);
      return typeof first === 'object' ? first : this.#queueUp(contender, signal);
    });
  }

  tryOne(wireName: string, signal: AbortSignal): Promise<HeldLock | undefined> {
    return this.#contend(wireName, async (contender) => {
      const outcome = await this.#try(contender, signal, 'at once');
      if (outcome === 'unknown') this.#takeBack(contender);
      return typeof outcome === 'object' ? outcome : undefined;
    });
  }

  async #contend<T>(wireName: string, work: (contender: Contender) => Promise<T>): Promise<T> {
    const token = randomUUID().replaceAll('-', '');
    const keys = [...redisKeys(this.#spec, wireName), queueKey(this.#spec, wireName)];
    const contender: Contender = { keys, token, who: `${this.#clientId}/${token}` };
    try {
      return await work(contender);
    } catch (error) {
      this.#takeBack(contender);
      throw error;
    }
  }

  /** A try without an answer may have won. If this does not reach the server, times to live end what it left. */
  #takeBack(contender: Contender): void {
    this.#giveBack(contender, 0).catch(() => undefined);
  }

  async #queueUp(contender: Contender, signal: AbortSignal): Promise<HeldLock> {
    const call = this.#calls.listen(contender.who);
    try {
      for (;;) {
        call.forget();
        const outcome = await this.#try(contender, signal);
        if (typeof outcome === 'object') return outcome;
        await this.#untilCalled(call, outcome, signal);
      }
    } finally {
      call.end();
    }
  }

  async #untilCalled(call: RedisCall, outcome: Refusal, signal: AbortSignal): Promise<void> {
    const meanMs = outcome === 'waits' ? othersLookMs : firstLooksMs;
    const roomMs = await call.within(around(meanMs), signal);
    if (roomMs !== undefined && roomMs > 0) await delay(Math.min(mostRoomMs, roomMs) * 2 * Math.random(), signal);
  }

  async #try(contender: Contender, signal: AbortSignal, how: Patience = 'waiting'): Promise<HeldLock | Refusal> {
    await this.#connection.whenReady(signal);
    // A lock for a main loop that hangs would only keep others waiting.
    if (!this.#deps.mayRenew()) return 'unknown';
    const sentMs = this.#deps.clock.nowMs();
    const outcome = await this.#take(contender, how);
    if (signal.aborted) throw abortReason(signal);
    return outcome === 'won' ? this.#hold(contender, sentMs) : outcome;
  }

  async #take({ keys, token, who }: Contender, how: Patience): Promise<'won' | Refusal> {
    try {
      const said = await this.#connection.run(takeScript, keys, [
        token,
        this.#spec.ttlMs,
        who,
        how === 'waiting' ? 1 : 0,
      ]);
      return said === taken ? 'won' : said === firstInQueue ? 'first' : 'waits';
    } catch (error) {
      if (error instanceof CoordinationError) throw error;
      return 'unknown';
    }
  }

  #hold(contender: Contender, sinceMs: number): HeldLock {
    const held: Held = { ...contender, sinceMs, custody: new Custody() };
    held.custody.proof.extend(sinceMs + this.#spec.ttlMs);
    this.#held.add(held);
    return {
      proof: held.custody.proof,
      onLost: (listener) => held.custody.onLost(listener),
      release: () => this.#release(held),
    };
  }

  async #release(held: Held): Promise<ReleaseResult> {
    this.#held.delete(held);
    const { lost, proof } = held.custody;
    const wasProvenMs = proof.untilMs();
    proof.end();
    try {
      const heldMs = this.#deps.clock.nowMs() - held.sinceMs;
      const ours = await this.#giveBack(held, Math.min(mostRoomMs, heldMs * roomShare));
      return lost || ours < held.keys.length - 1 ? 'lost' : 'released';
    } catch {
      // Whether it reached the server or not, the key is gone after its time to live.
      return !lost && this.#deps.clock.nowMs() < wasProvenMs ? 'released' : 'lost';
    }
  }

  /** Deletes our keys and our place, and calls the next, who leaves the room that is given. */
  #giveBack({ keys, token, who }: Contender, roomMs: number): Promise<number> {
    return this.#connection.run(releaseScript, keys, [token, who, callPrefix(this.#spec), roomMs]);
  }

  async #renewAll(): Promise<void> {
    if (!this.#deps.mayRenew()) {
      this.#deps.log.warn({ locks: this.#held.size }, 'the main loop is silent: its locks are not renewed');
      return;
    }
    void this.#calls.check();
    if (this.#held.size === 0) await this.#connection.ping();
    else await Promise.all([...this.#held].map((held) => this.#renew(held)));
  }

  async #renew(held: Held): Promise<void> {
    const sentMs = this.#deps.clock.nowMs();
    const confirmed = await this.#connection.run(renewScript, held.keys, [held.token, this.#spec.ttlMs]);
    // Given back meanwhile: the answer is about a key that we deleted ourselves.
    if (!this.#held.has(held)) return;
    if (confirmed === 1) {
      held.custody.proof.extend(sentMs + this.#spec.ttlMs);
    } else {
      this.#held.delete(held);
      held.custody.lose('its key in Redis is gone or somebody else’s');
    }
  }

  /** A lock that was taken in both spellings is listed once. */
  async holders(): Promise<readonly Holder[]> {
    const spellings = { namespace: this.#spec.namespace, keyForm: 'both' } as const;
    const holders = new Map<string, Holder>();
    for (const key of await this.#connection.scan('*cinder-*_lock')) {
      const name = /cinder-[^']+?(?='?_lock$)/.exec(key)?.[0];
      if (name === undefined || !redisKeys(spellings, name).includes(key)) continue;
      const holder = await this.#connection.get(key);
      if (holder === null) continue;
      const waiters = await this.#connection.run(waitersScript, [queueKey(spellings, name)], []);
      holders.set(`${name} ${holder}`, { name, holder, waiters });
    }
    return [...holders.values()];
  }
}
