import { randomUUID } from 'node:crypto';
import { abortReason, delay, never, raceAbort } from '../../kernel/abort.ts';
import { Backoff } from '../../kernel/backoff.ts';
import type { Health } from '../../kernel/component.ts';
import { messageOf } from '../../kernel/errors.ts';
import { Loop } from '../../kernel/loop.ts';
import type { MemcachedSpec } from '../backend-spec.ts';
import { CoordinationError, type Guarantees, type Holder } from '../coordinator.ts';
import { Custody, type ReleaseResult } from '../lock-backend.ts';
import type { RemoteBackend, RemoteBackendDeps, SharedLock } from '../lock-worker-host.ts';
import { MemcachedConnection, type Reply } from './memcached-connection.ts';
import { PythonAbout } from './python-about.ts';
import { betweenTries, ServingGate } from './serving-gate.ts';

const mostListingTries = 20;
const listingPauseMs = 100;

/** Tooz's key of a lock is this and the wire name; its values are marked as bytes. */
const keyPrefix = '__TOOZ_LOCK_';
const bytesFlag = 1;

/** Tooz's value is the member's id alone. */
const ourValue = /\/[0-9a-f-]{36}$/;

interface Held {
  readonly wireName: string;
  /** Ours and nobody else's: Tooz's own, the member's id, is the same for all its locks. */
  readonly value: string;
  readonly custody: Custody;
}

/**
 * Tooz's `memcached://` lock: a key that is added only where there is none, with a time to live. Renewal and release
 * compare and set on what was read just before, so that nobody else's key is ever prolonged or removed.
 *
 * It is a cache: a restart forgets every lock, and a full memory drops any of them. The next beat finds that out; until
 * then two may believe that they hold one lock.
 */
export class MemcachedBackend implements RemoteBackend {
  readonly name = 'memcached locks';
  readonly guarantees: Guarantees = { scope: 'cluster', survivesFailover: false, fifo: false };
  readonly #spec: MemcachedSpec;
  readonly #deps: RemoteBackendDeps;
  readonly #connection: MemcachedConnection;
  readonly #held = new Set<Held>();
  readonly #gate = new ServingGate('memcached');
  readonly #python: PythonAbout;
  readonly #backoff: Backoff;
  readonly #beat: Loop;

  constructor(spec: MemcachedSpec, deps: RemoteBackendDeps) {
    this.#spec = spec;
    this.#deps = deps;
    this.#connection = new MemcachedConnection(spec);
    this.#python = new PythonAbout(deps.clock);
    this.#backoff = new Backoff(spec.reconnect);
    this.#beat = new Loop({
      turn: () => this.#turn(),
      pauseMs: () => (this.#gate.problem === undefined ? spec.beatMs : Math.min(spec.beatMs, this.#backoff.nextMs())),
      // A renewal that failed proves nothing: the proofs run out by themselves.
      onError: (error) => this.#deps.log.debug({ err: error }, 'memcached did not confirm a heartbeat'),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    try {
      await raceAbort(this.#look(), signal);
    } catch (error) {
      this.#connection.close();
      if (signal.aborted) throw error;
      throw new CoordinationError(`no memcached at ${this.#server()}: ${messageOf(error)}`, { cause: error });
    }
    this.#beat.start(this.#spec.beatMs);
  }

  /** Keys that are still held guard work that still runs; they are left to their time to live. */
  async stop(): Promise<void> {
    await this.#beat.stop();
    this.#connection.close();
    this.#gate.shut('closed');
  }

  health(): Health {
    return this.#gate.health();
  }

  async acquireOne(wireName: string, signal: AbortSignal): Promise<SharedLock> {
    const held: Held = { wireName, value: `${this.#spec.memberId}/${randomUUID()}`, custody: new Custody() };
    try {
      for (;;) {
        await this.#gate.whenOpen(signal);
        // A lock for a main loop that hangs would only keep others waiting.
        const lock = this.#deps.mayRenew() ? await this.#try(held, signal) : undefined;
        if (lock !== undefined) return lock;
        await betweenTries(this.#python, signal);
      }
    } catch (error) {
      // A try without an answer may have won. If this does not reach the server, the key's time to live ends it.
      this.#swap(held, -1).catch(() => undefined);
      throw error;
    }
  }

  /** Undefined, try again: somebody else has it, or the server did not answer. */
  async #try(held: Held, signal: AbortSignal): Promise<SharedLock | undefined> {
    const sentMs = this.#deps.clock.nowMs();
    let won: boolean;
    try {
      const { end } = await this.#connection.ask(`add ${this.#tail(held, this.#expiry())}`, held.value);
      if (end !== 'STORED' && end !== 'NOT_STORED') throw new Error(end);
      // The answer to an earlier try may have been lost on the way: then the key is ours already.
      won = end === 'STORED' || (await this.#swap(held, this.#expiry()));
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
    if (signal.aborted) throw abortReason(signal);
    if (!won) return undefined;
    const { custody } = held;
    custody.proof.extend(sentMs + this.#spec.ttlMs);
    this.#held.add(held);
    return custody.asLock(() => this.#release(held));
  }

  #release(held: Held): Promise<ReleaseResult> {
    this.#held.delete(held);
    // A time to live below zero is over at once.
    return held.custody.release(this.#deps.clock, () => this.#swap(held, -1));
  }

  /** Gives our key another time to live; false if it is gone or somebody else's. */
  async #swap(held: Held, expiry: number): Promise<boolean> {
    for (;;) {
      const { items } = await this.#connection.ask(`gets ${keyPrefix}${held.wireName}`);
      const [item] = items;
      if (item !== undefined && !ourValue.test(item.data)) this.#python.saw();
      if (item?.data !== held.value) return false;
      const { end } = await this.#connection.ask(`cas ${this.#tail(held, expiry)} ${item.words[4] ?? ''}`, held.value);
      if (end === 'STORED') return true;
      if (end === 'NOT_FOUND') return false;
      // Changed since it was read, by a renewal of ours perhaps: a release that took that for a loss would leave the key.
      if (end !== 'EXISTS') throw new Error(end);
    }
  }

  #tail({ wireName, value }: Held, expiry: number): string {
    return `${keyPrefix}${wireName} ${bytesFlag} ${expiry} ${Buffer.byteLength(value)}`;
  }

  /** One second more than is proven: memcached's clock ticks in seconds and may cut one short. */
  #expiry(): number {
    return Math.ceil(this.#spec.ttlMs / 1000) + 1;
  }

  async #turn(): Promise<void> {
    if (!this.#deps.mayRenew()) {
      this.#deps.log.warn({ locks: this.#held.size }, 'the main loop is silent: its locks are not renewed');
      return;
    }
    await this.#look();
    await Promise.all([...this.#held].map((held) => this.#renew(held)));
  }

  async #renew(held: Held): Promise<void> {
    const sentMs = this.#deps.clock.nowMs();
    const ours = await this.#swap(held, this.#expiry());
    if (!this.#held.has(held)) return;
    if (ours) {
      held.custody.proof.extend(sentMs + this.#spec.ttlMs);
    } else {
      this.#held.delete(held);
      held.custody.lose('its key in memcached is gone or somebody else’s');
    }
  }

  async #look(): Promise<void> {
    try {
      await this.#connection.ask('version');
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    if (this.#gate.open()) this.#deps.log.info({}, `connected to memcached at ${this.#server()}`);
    this.#backoff.reset();
  }

  #fail(error: unknown): void {
    if (this.#gate.shut(messageOf(error))) this.#deps.log.warn({ err: error }, 'memcached does not serve');
    this.#beat.wake();
  }

  async holders(): Promise<readonly Holder[]> {
    const listing = await this.#listing();
    const names = listing.items.flatMap(({ words }) => {
      const key = decodeURIComponent((words[0] ?? '').slice('key='.length));
      return key.startsWith(`${keyPrefix}cinder-`) ? [key.slice(keyPrefix.length)] : [];
    });
    const holders: Holder[] = [];
    for (const name of names) {
      // What has run out may still be listed.
      const [item] = (await this.#connection.ask(`get ${keyPrefix}${name}`)).items;
      if (item !== undefined) holders.push({ name, holder: item.data });
    }
    return holders;
  }

  /** One at a time in the whole server, which also looks through its keys by itself and says so. */
  async #listing(): Promise<Reply> {
    for (let tries = 1; ; tries += 1) {
      const reply = await this.#connection.ask('lru_crawler metadump hash');
      if (!reply.end.startsWith('BUSY')) return reply;
      if (tries === mostListingTries) throw new CoordinationError('memcached is busy with other listings; ask again');
      await delay(listingPauseMs, never);
    }
  }

  #server(): string {
    return `${this.#spec.host}:${this.#spec.port}`;
  }
}
