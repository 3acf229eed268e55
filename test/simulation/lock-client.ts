import { raceAbort, delay } from '../../src/kernel/abort.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import type { Health } from '../../src/kernel/component.ts';
import { Loop } from '../../src/kernel/loop.ts';
import type { Guarantees, Holder } from '../../src/coordination/coordinator.ts';
import { Custody, type HeldLock, type LockBackend, type ReleaseResult } from '../../src/coordination/lock-backend.ts';
import type { LockServer } from './lock-server.ts';
import type { Mistake } from './mistakes.ts';
import type { Line, Network } from './network.ts';
import type { Random } from './random.ts';
import type { Place } from './virtual-time.ts';

export interface LockClientOptions {
  readonly place: Place;
  readonly line: Line;
  readonly network: Network;
  readonly server: LockServer;
  readonly clock: Clock;
  readonly random: Random;
  readonly ttlMs: number;
  readonly beatMs: number;
  readonly mistake: Mistake | undefined;
}

interface Held {
  readonly name: string;
  readonly token: string;
  readonly custody: Custody;
}

let made = 0;

/** The simulated service's driver: does over the simulated network what `drivers/redis` does over a real one. */
export class LockClient implements LockBackend {
  readonly name = 'simulated locks';
  readonly guarantees: Guarantees = { scope: 'cluster', survivesFailover: false, fifo: false };
  readonly #options: LockClientOptions;
  readonly #held = new Map<HeldLock, Held>();
  readonly #beat: Loop;

  constructor(options: LockClientOptions) {
    this.#options = options;
    this.#beat = new Loop({
      turn: () => this.#renewAll(),
      pauseMs: () => options.beatMs,
      onError: () => undefined,
    });
  }

  start(): Promise<void> {
    this.#beat.start(this.#options.beatMs);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return this.#beat.stop();
  }

  health(): Health {
    return { ok: true };
  }

  holders(): Promise<readonly Holder[]> {
    return Promise.resolve([]);
  }

  /** The token by which the server knows a lock of ours. */
  tokenOf(name: string): string | undefined {
    return [...this.#held.values()].find((held) => held.name === name)?.token;
  }

  acquireOne(name: string, signal: AbortSignal): Promise<HeldLock> {
    const token = `${this.#options.place.name}-${(made += 1)}`;
    const winning = this.#win(name, token, signal);
    return raceAbort(winning, signal).catch((error: unknown) => {
      if (this.#options.mistake !== 'a cancelled wait keeps what it wins') this.#takeBack(name, token, winning);
      throw error;
    });
  }

  async #win(name: string, token: string, signal: AbortSignal): Promise<HeldLock> {
    const { clock, random, server } = this.#options;
    for (;;) {
      const sentMs = clock.nowMs();
      const won = await this.#call(() => server.take(name, token)).catch(() => false);
      if (won) return this.#hold({ name, token, custody: new Custody() }, sentMs);
      await delay(random.between(100, 400), signal);
    }
  }

  #takeBack(name: string, token: string, winning: Promise<HeldLock>): void {
    winning
      .then(
        (lock) => lock.release(),
        () => this.#call(() => this.#options.server.release(name, token)).catch(() => undefined),
      )
      .catch(() => undefined);
  }

  #hold(held: Held, sentMs: number): HeldLock {
    const { custody } = held;
    const lock: HeldLock = {
      proof: custody.proof,
      onLost: (listener) => custody.onLost(listener),
      release: () => this.#release(lock),
    };
    this.#prove(held, sentMs);
    this.#held.set(lock, held);
    return lock;
  }

  #prove({ custody }: Held, sentMs: number): void {
    const { mistake, clock, ttlMs } = this.#options;
    custody.proof.extend((mistake === 'the proof counts from the answer' ? clock.nowMs() : sentMs) + ttlMs);
  }

  async #release(lock: HeldLock): Promise<ReleaseResult> {
    const held = this.#held.get(lock);
    if (held === undefined) return 'lost';
    this.#held.delete(lock);
    const { lost } = held.custody;
    held.custody.proof.end();
    const ours = await this.#call(() => this.#options.server.release(held.name, held.token)).catch(() => undefined);
    return lost || ours === false ? 'lost' : 'released';
  }

  async #renewAll(): Promise<void> {
    await Promise.all([...this.#held].map(([lock, held]) => this.#renew(lock, held)));
  }

  async #renew(lock: HeldLock, held: Held): Promise<void> {
    const { server, clock, mistake } = this.#options;
    const sentMs = clock.nowMs();
    const takesAgain = mistake === 'a renewal takes a lock again';
    const ours = await this.#call(() => server.renew(held.name, held.token, takesAgain));
    if (!this.#held.has(lock)) return;
    if (ours) this.#prove(held, sentMs);
    else if (!takesAgain) held.custody.lose('the server says so');
  }

  #call<T>(work: () => T): Promise<T> {
    const { place, line, network, server, ttlMs } = this.#options;
    return network.call(place, line, server.place, ttlMs / 3, work);
  }
}
