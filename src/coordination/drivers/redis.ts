import { randomUUID } from 'node:crypto';
import { abortReason } from '../../kernel/abort.ts';
import type { Health } from '../../kernel/component.ts';
import { Loop } from '../../kernel/loop.ts';
import type { RedisSpec } from '../backend-spec.ts';
import { CoordinationError, type Guarantees, type Holder } from '../coordinator.ts';
import { Custody, type HeldLock, type LockBackend, type ReleaseResult } from '../lock-backend.ts';
import type { RemoteBackendDeps } from '../lock-worker-host.ts';
import { RedisConnection } from './redis-connection.ts';
import { betweenTries } from './serving-gate.ts';

/**
 * All keys or none, in one step. A key that already has our token counts as won: the answer to an earlier try may
 * have been lost on the way.
 */
const acquireScript = `
for _, key in ipairs(KEYS) do
  local owner = redis.call('get', key)
  if owner and owner ~= ARGV[1] then return 0 end
end
for _, key in ipairs(KEYS) do redis.call('set', key, ARGV[1], 'px', ARGV[2]) end
return 1`;

/** 1 if every key was still ours and lives on. One that is gone is not set again: others may have owned it. */
const renewScript = `
for _, key in ipairs(KEYS) do
  if redis.call('get', key) ~= ARGV[1] then return 0 end
end
for _, key in ipairs(KEYS) do redis.call('pexpire', key, ARGV[2]) end
return 1`;

/** Deletes what is ours and nothing else; returns how many keys that were. */
const releaseScript = `
local ours = 0
for _, key in ipairs(KEYS) do
  if redis.call('get', key) == ARGV[1] then ours = ours + redis.call('del', key) end
end
return ours`;

interface Held {
  readonly wireName: string;
  readonly keys: readonly string[];
  readonly token: string;
  readonly custody: Custody;
}

/**
 * Tooz's `redis://` lock: a key with a random token and a time to live, renewed by a beat. Both of Tooz's spellings of
 * the key are taken together, unless the operator names one, because peers of either release may be about.
 *
 * Redis does not promise to keep an acknowledged key (a restart without persistence, a failover to a replica that had
 * not got it yet); the next beat finds that out.
 */
export class RedisBackend implements LockBackend {
  readonly name = 'redis locks';
  readonly guarantees: Guarantees = { scope: 'cluster', survivesFailover: false, fifo: false };
  readonly #spec: RedisSpec;
  readonly #deps: RemoteBackendDeps;
  readonly #connection: RedisConnection;
  readonly #held = new Set<Held>();
  readonly #beat: Loop;

  constructor(spec: RedisSpec, deps: RemoteBackendDeps) {
    this.#spec = spec;
    this.#deps = deps;
    this.#connection = new RedisConnection(spec, deps.log);
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
    this.#connection.close();
  }

  health(): Health {
    return this.#connection.health();
  }

  async acquireOne(wireName: string, signal: AbortSignal): Promise<HeldLock> {
    const keys = redisKeys(this.#spec, wireName);
    const token = randomUUID().replaceAll('-', '');
    try {
      for (;;) {
        const lock = await this.#try({ wireName, keys, token }, signal);
        if (lock !== undefined) return lock;
        await betweenTries(signal);
      }
    } catch (error) {
      // A try without an answer may have won. If this does not reach the server, the key's time to live ends it.
      this.#connection.run(releaseScript, keys, [token]).catch(() => undefined);
      throw error;
    }
  }

  /** Undefined, try again: somebody else has it, the server did not answer, or the main loop is silent. */
  async #try(lock: Omit<Held, 'custody'>, signal: AbortSignal): Promise<HeldLock | undefined> {
    await this.#connection.whenReady(signal);
    // A lock for a main loop that hangs would only keep others waiting.
    if (!this.#deps.mayRenew()) return undefined;
    const sentMs = this.#deps.clock.nowMs();
    let won: number;
    try {
      won = await this.#connection.run(acquireScript, lock.keys, [lock.token, this.#spec.ttlMs]);
    } catch (error) {
      if (error instanceof CoordinationError) throw error;
      return undefined;
    }
    if (signal.aborted) throw abortReason(signal);
    if (won !== 1) return undefined;
    const held: Held = { ...lock, custody: new Custody() };
    held.custody.proof.extend(sentMs + this.#spec.ttlMs);
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
      const ours = await this.#connection.run(releaseScript, held.keys, [held.token]);
      return lost || ours < held.keys.length ? 'lost' : 'released';
    } catch {
      // Whether it reached the server or not, the key is gone after its time to live.
      return !lost && this.#deps.clock.nowMs() < wasProvenMs ? 'released' : 'lost';
    }
  }

  async #renewAll(): Promise<void> {
    if (!this.#deps.mayRenew()) {
      this.#deps.log.warn({ locks: this.#held.size }, 'the main loop is silent: its locks are not renewed');
      return;
    }
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
      if (holder !== null) holders.set(`${name} ${holder}`, { name, holder });
    }
    return [...holders.values()];
  }
}

/**
 * Tooz's keys for a wire name. Releases before 9 formatted bytes into the key, `b'…'` and all; that is their format.
 */
export function redisKeys(spec: Pick<RedisSpec, 'namespace' | 'keyForm'>, wireName: string): readonly string[] {
  const { namespace, keyForm } = spec;
  const oldKey = `b'${namespace}'_b'${wireName}'_lock`;
  const newKey = `${namespace}_${wireName}_lock`;
  return keyForm === 'both' ? [oldKey, newKey] : [keyForm === 'old' ? oldKey : newKey];
}
