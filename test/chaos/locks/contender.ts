/*
 * A process of the lock faults: takes one or two of a few locks, holds them for a while, asks whether a write with its
 * tokens would count, gives them back, again and again until SIGTERM, and writes down what it knows. Argument: its task,
 * as JSON. For each line on its input, a number, its main loop is busy for as many milliseconds.
 */
import { openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Coordinator, Lease } from '../../../src/coordination/coordinator.ts';
import { createCoordinator } from '../../../src/coordination/create.ts';
import { lockName, type LockName } from '../../../src/coordination/lock-names.ts';
import { ClaimLostError, type Database } from '../../../src/db/database.ts';
import { openDatabase } from '../../../src/db/open-database.ts';
import { delay } from '../../../src/kernel/abort.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { Random } from '../random.ts';
import type { ContenderTask } from './contender-task.ts';
import type { Deed } from './story.ts';

/** Between two looks of an owner at its lease. */
const lookMs = 10;
const startWithinMs = 20_000;
/** After an attempt that failed because the service is away. */
const pauseMs = 50;

type Told<D = Deed> = D extends Deed ? Omit<D, 'lease' | 'lock' | 'atMs'> : never;
/** Writes it down of some of a lease's locks; of all of them where none are named. */
type Tell = (deed: Told, of?: { readonly atMs?: number; readonly names?: readonly LockName[] }) => void;

class Contender {
  readonly #coordinator: Coordinator;
  readonly #database: Database;
  readonly #task: ContenderTask;
  readonly #clock = new BootClock();
  readonly #random: Random;
  readonly #story: number;

  constructor(task: ContenderTask) {
    this.#task = task;
    this.#random = new Random(task.seed);
    this.#story = openSync(task.story, 'a');
    this.#database = openDatabase({ url: task.databaseUrl });
    this.#coordinator = createCoordinator({
      url: task.url,
      ...task.times,
      initialReconnectBackoffMs: 50,
      maxReconnectBackoffMs: 500,
      silentMainLoopMs: 30_000,
      clock: this.#clock,
      log: silentLogger,
    });
  }

  async run(ending: AbortSignal): Promise<void> {
    await this.#database.start(ending);
    await this.#startCoordinator(ending);
    for (let turn = 1; !ending.aborted; turn += 1) {
      // One, or two different ones, at a time.
      const wanted = [1, 2].slice(this.#random.between(0, 1)).map(() => this.#random.pick(this.#task.locks) ?? '');
      const names = wanted.map(lockName);
      const lease = await this.#coordinator
        .acquire(names, { waitMs: 'forever', signal: ending })
        .catch(() => undefined);
      if (lease !== undefined) await this.#own(lease, `${this.#task.name}.${turn}`);
      else await delay(pauseMs, ending).catch(() => undefined);
    }
    await this.#coordinator.stop({ force: AbortSignal.timeout(5_000) });
    await this.#database.stop({ force: AbortSignal.timeout(5_000) });
  }

  /** A service that is away just now ends a start; whoever supervises a process starts it again. */
  async #startCoordinator(ending: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.#coordinator.start(AbortSignal.any([ending, AbortSignal.timeout(startWithinMs)]));
        return;
      } catch {
        await delay(pauseMs, ending);
      }
    }
  }

  async #own(lease: Lease, id: string): Promise<void> {
    const tell: Tell = (deed, { atMs = this.#clock.nowMs(), names = lease.names } = {}) => {
      for (const lock of names)
        writeSync(this.#story, `${JSON.stringify({ atMs, lease: `${id}/${lock}`, lock, ...deed })}\n`);
    };
    tell({ what: 'won' });
    lease.signal.addEventListener('abort', () => tell({ what: 'lost', why: String(lease.signal.reason) }));
    const tokens = await this.#database.fence.mint(lease.names);
    for (const name of lease.names) tell({ what: 'minted', token: Number(tokens.get(name)) }, { names: [name] });
    await this.#hold(lease, tell);
    // Also if it was lost: whoever has the lock by then has minted a larger token, and this one is refused.
    const atMs = this.#clock.nowMs();
    tell(await this.#writes(tokens), { atMs });
    tell({ what: 'leaving' });
    await lease.release();
    tell({ what: 'gone' });
  }

  async #hold(lease: Lease, tell: Tell): Promise<void> {
    const forMs = this.#random.between(5, 300) * (this.#random.chance(0.2) ? 10 : 1);
    const untilMs = this.#clock.nowMs() + forMs;
    while (!lease.signal.aborted && this.#clock.nowMs() < untilMs) {
      // The instant before the look: held at the look, it was held then.
      const atMs = this.#clock.nowMs();
      const provenMs = lease.provableUntilMs;
      try {
        lease.assertHeld();
      } catch {
        return;
      }
      tell({ what: 'sure', untilMs: Number.isFinite(provenMs) ? provenMs : null }, { atMs });
      await delay(lookMs, lease.signal).catch(() => undefined);
    }
  }

  async #writes(tokens: ReadonlyMap<string, bigint>): Promise<Told> {
    try {
      await this.#database.fence.check(tokens);
      return { what: 'counted' };
    } catch (error) {
      if (error instanceof ClaimLostError) return { what: 'refused' };
      throw error;
    }
  }
}

const ending = new AbortController();
const end = (): void => ending.abort(new Error('told to end'));
process.once('SIGTERM', end);
// Whoever started it is gone.
process.stdin.once('end', end);
createInterface({ input: process.stdin }).on('line', (line) => {
  for (const untilMs = performance.now() + Number(line); performance.now() < untilMs;);
});
await new Contender(JSON.parse(process.argv[2] ?? '') as ContenderTask).run(ending.signal);
process.stdin.destroy();
