import { LeaseLostError, LockTimeoutError, type Lease } from '../../src/coordination/coordinator.ts';
import { LeaseMargin } from '../../src/coordination/lease-margin.ts';
import { LockCoordinator } from '../../src/coordination/lock-coordinator.ts';
import { wireName, type LockName } from '../../src/coordination/lock-names.ts';
import { delay } from '../../src/kernel/abort.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { LockClient } from './lock-client.ts';
import { NoAnswerError, type Line } from './network.ts';
import type { Place } from './virtual-time.ts';
import type { World } from './world.ts';

/** One operation's wait, in the order of asking. */
interface Wait {
  readonly names: readonly LockName[];
  readonly sinceMs: number;
  ended: boolean;
}

/**
 * A process: the real coordinator on a simulated driver, and some operations which take locks, work under them and
 * change rows and a share, as replicas do.
 */
export class Member {
  readonly place: Place;
  readonly line: Line = { cut: 'no', slowMs: 0 };
  readonly leases = new Map<Lease, readonly LockName[]>();
  readonly #world: World;
  readonly #client: LockClient;
  readonly #coordinator: LockCoordinator;
  readonly #clock: Clock;
  readonly #waits: Wait[] = [];
  readonly #stopping = new AbortController();
  #sleptMs = 0;
  #draining = false;
  #frozenAtMs = 0;

  constructor(world: World, name: string) {
    const { time, random, network, server, settings, mistake } = world;
    this.#world = world;
    this.place = { name, frozen: false, dead: false };
    // Instants of two machines have nothing to do with each other.
    const bootedMs = random.between(-1e6, 0);
    this.#clock = { nowMs: () => time.nowMs - bootedMs - this.#sleptMs };
    const { ttlMs, beatMs, marginMs } = settings;
    const shared = { place: this.place, line: this.line, network, server, clock: this.#clock, random, mistake };
    this.#client = new LockClient({ ...shared, ttlMs, beatMs });
    const baseMs = mistake === 'no margin is taken off the proof' ? 0 : marginMs;
    this.#coordinator = new LockCoordinator({
      backend: this.#client,
      clock: this.#clock,
      log: silentLogger,
      margin: new LeaseMargin({ baseMs, mostMs: ttlMs / 4 + 1, loop: punctual }),
    });
  }

  start(workers: number): void {
    this.#world.time.in(this.place, () => {
      void this.#coordinator.start(this.#stopping.signal).then(() => {
        for (let i = 0; i < workers; i += 1) void this.#work();
      });
    });
  }

  freeze(): void {
    this.place.frozen = true;
    this.#frozenAtMs = this.#world.time.nowMs;
  }

  thaw(): void {
    if (!this.place.frozen) return;
    if (this.#world.mistake === 'the clock stands still while the machine sleeps')
      this.#sleptMs += this.#world.time.nowMs - this.#frozenAtMs;
    this.#world.time.thaw(this.place);
  }

  /** No new operations; those that wait go on. */
  drain(): void {
    this.#draining = true;
  }

  /** SIGTERM, with as much time as it needs. */
  stop(): void {
    this.#world.time.in(this.place, () => {
      this.#stopping.abort(new Error('stopping'));
      void this.#coordinator.stop({ force: new AbortController().signal });
    });
  }

  /** The locks that it may act upon now. */
  provenNames(): readonly LockName[] {
    if (this.place.frozen || this.place.dead) return [];
    const proven = [...this.leases].filter(([lease]) => lease.provableUntilMs > this.#clock.nowMs());
    return proven.flatMap(([, names]) => names);
  }

  tokenOf(name: LockName): string | undefined {
    return this.#client.tokenOf(wireName(name));
  }

  /** Operations that wait for longer than `ms`. */
  starved(ms: number): number {
    if (this.place.dead) return 0;
    return this.#waits.filter(({ ended, sinceMs }) => !ended && this.#world.time.nowMs - sinceMs > ms).length;
  }

  async #work(): Promise<void> {
    const { random, settings } = this.#world;
    while (!this.#stopping.signal.aborted && !this.#draining) {
      try {
        await this.#operate();
        await delay(random.between(1, settings.restMs), this.#stopping.signal);
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        const expected = [LeaseLostError, LockTimeoutError, NoAnswerError].some((kind) => error instanceof kind);
        if (!expected) this.#world.judge.note(`${this.place.name} failed: ${String(error)}`);
        await delay(random.between(1, settings.restMs), this.#stopping.signal).catch(() => undefined);
      }
    }
  }

  async #operate(): Promise<void> {
    const { random, settings } = this.#world;
    const names = random.chance(0.3) ? settings.names : [random.pick(settings.names)];
    const lease = await this.#acquire(names);
    this.leases.set(lease, names);
    let written: Promise<void> = Promise.resolve();
    try {
      this.#world.locked();
      const tokens = await this.#call(() => this.#world.rows.mint(names));
      for (let step = 0; step < 10; step += 1) {
        lease.assertHeld();
        this.#world.acting(this, names);
        if (random.chance(0.5)) await (written = this.#writeShare(names));
        else if (!(await this.#call(() => this.#world.rows.write(tokens)))) return;
        await delay(random.between(1, settings.stepMs), lease.signal);
      }
    } finally {
      // What was begun under the lock ends before it is given back.
      await written;
      this.leases.delete(lease);
      await lease.release();
    }
  }

  async #acquire(names: readonly LockName[]): Promise<Lease> {
    const { random, time, settings } = this.#world;
    const wait: Wait = { names, sinceMs: time.nowMs, ended: false };
    this.#waits.push(wait);
    const waitMs = random.chance(0.3) ? random.between(100, settings.ttlMs) : 'forever';
    try {
      return await this.#coordinator.acquire(names, { waitMs, signal: this.#stopping.signal }).then((lease) => {
        this.#judgeOrder(wait);
        return lease;
      });
    } finally {
      wait.ended = true;
      this.#waits.splice(this.#waits.indexOf(wait), 1);
    }
  }

  /** Within a process: nobody who asked for the same name earlier still waits. */
  #judgeOrder(served: Wait): void {
    const [name, ...others] = served.names;
    if (others.length > 0) return;
    const earlier = this.#waits.slice(0, this.#waits.indexOf(served));
    if (earlier.some(({ ended, names }) => !ended && names.length === 1 && names[0] === name))
      this.#world.judge.note(`${this.place.name} served a later wait for ${name ?? ''} first`);
  }

  /**
   * A step that was allowed to begin and takes up to the margin: the share compares no tokens. It has its effect
   * whatever happens to the process meanwhile.
   */
  #writeShare(names: readonly LockName[]): Promise<void> {
    const { time, random, settings } = this.#world;
    const under = names.map((name) => [name, this.tokenOf(name)] as const);
    return new Promise((resolve) => {
      time.after(random.between(0, settings.marginMs * 0.99), () => {
        this.#world.shareWritten(this, under);
        time.after(0, resolve, this.place);
      });
    });
  }

  #call<T>(work: () => T): Promise<T> {
    const { network, rows } = this.#world;
    return network.call(this.place, { cut: 'no', slowMs: this.line.slowMs }, rows.place, 2_000, work);
  }
}

const punctual = {
  start: () => undefined,
  stop: () => undefined,
  read: () => ({ meanMs: 0, p99Ms: 0, maxMs: 0 }),
};
