import { randomUUID } from 'node:crypto';
import { abortReason, delay, raceAbort } from '../../kernel/abort.ts';
import type { Health } from '../../kernel/component.ts';
import { around } from '../../kernel/jitter.ts';
import { Loop } from '../../kernel/loop.ts';
import type { RedisSpec } from '../backend-spec.ts';
import { CoordinationError, type Guarantees, type Holder } from '../coordinator.ts';
import type { HeartbeatDeps } from '../heartbeats.ts';
import { Custody, type HeldLock, type LockBackend, type ReleaseResult } from '../lock-backend.ts';
import { RedisCalls, type RedisCall } from './redis-calls.ts';
import { openRedis, RedisConnection } from './redis-connection.ts';
import type { RedisKept } from './redis-renewals.ts';
import {
  callPrefix,
  firstInQueue,
  queueKey,
  redisKeys,
  releaseScript,
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
interface Contender extends RedisKept {
  /** In the queue: where to call us, and the token. */
  readonly who: string;
}

/** What one is told who does not get the lock; `unknown`: the server did not answer. */
type Refusal = 'first' | 'waits' | 'unknown';

/** Whether one who does not get the lock joins its queue. */
type Patience = 'waiting' | 'at once';

interface Held extends Contender {
  readonly custody: Custody;
  readonly sinceMs: number;
  /** Ends the renewals. */
  readonly letGo: () => void;
}

/**
 * Tooz's `redis://` lock: a key with a random token and a time to live, renewed by the lock thread. Both of Tooz's
 * spellings of the key are taken together, unless the operator names one, because peers of either release may be about.
 *
 * Our waiters stand in a queue beside the lock. Who gives the lock back calls the first of them; Python's peers, who
 * know of no queue and only poll, find it free in between. The queue only orders: the keys alone decide.
 *
 * Redis does not promise to keep an acknowledged key (a restart without persistence, a failover to a replica that had
 * not got it yet); the next renewal finds that out.
 */
export class RedisBackend implements LockBackend {
  readonly name = 'redis locks';
  readonly guarantees: Guarantees = { scope: 'cluster', survivesFailover: false, fifo: true };
  readonly #spec: RedisSpec;
  readonly #deps: HeartbeatDeps<RedisKept>;
  readonly #connection: RedisConnection;
  readonly #calls: RedisCalls;
  readonly #clientId = randomUUID();
  readonly #checks: Loop;

  constructor(spec: RedisSpec, deps: HeartbeatDeps<RedisKept>) {
    this.#spec = spec;
    this.#deps = deps;
    this.#connection = new RedisConnection(spec, deps.log, 'locks');
    this.#calls = new RedisCalls({
      connect: () => openRedis(spec),
      channel: callPrefix(spec) + this.#clientId,
      answerWithinMs: spec.commandTimeoutMs,
      log: deps.log,
    });
    this.#checks = new Loop({
      turn: () => this.#checkConnections(),
      pauseMs: () => this.#spec.beatMs,
      onError: (error) => this.#deps.log.debug({ err: error }, 'Redis did not answer'),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#connection.start(signal);
    try {
      await this.#deps.heartbeats.start(signal);
    } catch (error) {
      this.#connection.close();
      throw error;
    }
    this.#checks.start(this.#spec.beatMs);
  }

  /** Keys that are still held guard work that still runs; they are left to their time to live. */
  async stop(how: { force: AbortSignal }): Promise<void> {
    await this.#deps.heartbeats.stop(how);
    await this.#checks.stop(how.force);
    this.#calls.close();
    this.#connection.close();
  }

  health(): Health {
    const connected = this.#connection.health();
    return connected.ok ? this.#deps.heartbeats.health() : connected;
  }

  /** A connection that has died silently is found out before somebody needs it. */
  async #checkConnections(): Promise<void> {
    void this.#calls.check();
    await this.#connection.ping();
  }

  acquireOne(wireName: string, signal: AbortSignal): Promise<HeldLock> {
    return this.#contend(wireName, signal, async (contender) => {
      const first = await this.#try(contender, signal, 'waiting');
      return typeof first === 'object' ? first : this.#queueUp(contender, signal);
    });
  }

  tryOne(wireName: string, signal: AbortSignal): Promise<HeldLock | undefined> {
    return this.#contend(wireName, signal, async (contender) => {
      const outcome = await this.#try(contender, signal, 'at once');
      if (outcome === 'unknown') this.#takeBack(contender);
      return typeof outcome === 'object' ? outcome : undefined;
    });
  }

  /** A call that hangs must not hold up who has given up; what comes of it late is taken back. */
  async #contend<T extends HeldLock | undefined>(
    wireName: string,
    signal: AbortSignal,
    work: (contender: Contender) => Promise<T>,
  ): Promise<T> {
    const contender = this.#contender(wireName);
    const outcome = work(contender);
    try {
      return await raceAbort(outcome, signal);
    } catch (error) {
      void outcome.then(
        (lock) => lock?.release(),
        () => this.#takeBack(contender),
      );
      throw error;
    }
  }

  #contender(wireName: string): Contender {
    const token = randomUUID().replaceAll('-', '');
    const keys = [...redisKeys(this.#spec, wireName), queueKey(this.#spec, wireName)];
    return { keys, token, who: `${this.#clientId}/${token}` };
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
        const outcome = await this.#try(contender, signal, 'waiting');
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

  async #try(contender: Contender, signal: AbortSignal, how: Patience): Promise<HeldLock | Refusal> {
    await this.#connection.whenReady(signal);
    const { keys, token, who } = contender;
    const sentMs = this.#deps.clock.nowMs();
    const asked = [token, this.#spec.ttlMs, who, how === 'waiting' ? 1 : 0];
    let said: number | undefined;
    try {
      said = await this.#connection.run(takeScript, keys, asked);
    } catch (error) {
      if (error instanceof CoordinationError) throw error;
    }
    if (signal.aborted) throw abortReason(signal);
    if (said === taken) return this.#hold(contender, sentMs);
    return said === undefined ? 'unknown' : said === firstInQueue ? 'first' : 'waits';
  }

  #hold(contender: Contender, sinceMs: number): HeldLock {
    const { keys, token, who } = contender;
    const custody = new Custody();
    const { proof } = custody;
    proof.extend(sinceMs + this.#spec.ttlMs);
    const letGo = this.#deps.heartbeats.keep({ keys, token }, proof, (why) => custody.lose(why));
    const held: Held = { keys, token, who, sinceMs, custody, letGo };
    return custody.asLock(() => this.#release(held));
  }

  #release(held: Held): Promise<ReleaseResult> {
    const { clock } = this.#deps;
    held.letGo();
    return held.custody.release(clock, async () => {
      const heldMs = clock.nowMs() - held.sinceMs;
      const ours = await this.#giveBack(held, Math.min(mostRoomMs, heldMs * roomShare));
      return ours >= held.keys.length - 1;
    });
  }

  /** Deletes our keys and our place, and calls the next, who leaves the room that is given. */
  #giveBack({ keys, token, who }: Contender, roomMs: number): Promise<number> {
    return this.#connection.run(releaseScript, keys, [token, who, callPrefix(this.#spec), roomMs]);
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
