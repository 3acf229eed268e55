import { abortReason, delay } from '../kernel/abort.ts';
import { Backoff } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Health } from '../kernel/component.ts';
import { messageOf } from '../kernel/errors.ts';
import { Loop } from '../kernel/loop.ts';
import type { Logger } from '../log/logger.ts';
import type { BackendSpec, ReconnectSpec } from './backend-spec.ts';
import { CoordinationError, type Guarantees, type Holder } from './coordinator.ts';
import { Custody, type HeldLock, type LockBackend, type ReleaseResult } from './lock-backend.ts';
import { ProofCell, SharedInstant } from './proof-cell.ts';
import type { FromWorker } from './worker-protocol.ts';
import { WorkerLink } from './worker-link.ts';

/** How long a release and a listing wait for the worker; its own calls have shorter deadlines. */
const answerWithinMs = 15_000;

export interface WorkerBackendOptions {
  readonly spec: BackendSpec;
  readonly clock: Clock;
  readonly log: Logger;
  readonly silentMainLoopMs: number;
  /** Pauses before a worker that died is started again. */
  readonly reconnect: ReconnectSpec;
}

interface Waiting {
  readonly op: 'acquire' | 'try';
  readonly wireName: string;
  /** Undefined: a try that found it busy. */
  readonly ended: (lock: HeldLock | undefined) => void;
  readonly refused: (error: Error) => void;
}

interface Holding {
  readonly custody: Custody;
  released?: (result: ReleaseResult) => void;
}

interface Listing {
  readonly resolve: (holders: readonly Holder[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A lock backend whose client lives on the worker thread. Proofs come through shared memory; the messages are only
 * for what happens once: won, refused, lost, released. If the worker dies, what it held counts as lost, and a new one
 * takes over what was being waited for.
 */
export class WorkerBackend implements LockBackend {
  readonly name: string;
  readonly #options: WorkerBackendOptions;
  readonly #mainLoopSeen = new SharedInstant();
  readonly #waiting = new Map<number, Waiting>();
  readonly #holding = new Map<number, Holding>();
  readonly #listings = new Map<number, Listing>();
  readonly #restarts: Backoff;
  #revival: Loop | undefined;
  #signOfLife: NodeJS.Timeout | undefined;
  #link: WorkerLink | undefined;
  #guarantees: Guarantees = { scope: 'process', survivesFailover: false, fifo: false };
  #health: Health = { ok: false, detail: 'not started' };
  #connectedMs = 0;
  #nextId = 1;

  constructor(options: WorkerBackendOptions) {
    this.name = `${options.spec.kind} locks`;
    this.#options = options;
    this.#restarts = new Backoff(options.reconnect);
  }

  get guarantees(): Guarantees {
    return this.#guarantees;
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#showLife();
    // Well within the tolerated silence, so that one late timer is no silence.
    const everyMs = Math.min(1000, this.#options.silentMainLoopMs / 5);
    this.#signOfLife = setInterval(() => this.#showLife(), everyMs).unref();
    await this.#connect(signal);
  }

  async stop(how: { force: AbortSignal }): Promise<void> {
    clearInterval(this.#signOfLife);
    await this.#revival?.stop();
    const link = this.#link;
    this.#link = undefined;
    this.#health = { ok: false, detail: 'stopped' };
    await link?.stop(how.force);
  }

  health(): Health {
    return this.#health;
  }

  async acquireOne(wireName: string, signal: AbortSignal): Promise<HeldLock> {
    const lock = await this.#ask('acquire', wireName, signal);
    if (lock === undefined) throw new CoordinationError('the lock worker answers a wait as a try');
    return lock;
  }

  tryOne(wireName: string, signal: AbortSignal): Promise<HeldLock | undefined> {
    return this.#ask('try', wireName, signal);
  }

  #ask(op: Waiting['op'], wireName: string, signal: AbortSignal): Promise<HeldLock | undefined> {
    if (signal.aborted) return Promise.reject(abortReason(signal));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#waiting.delete(id);
        signal.removeEventListener('abort', cancel);
      };
      const cancel = (): void => {
        settle();
        this.#link?.send({ op: 'cancel', id });
        reject(abortReason(signal));
      };
      const ended = (lock: HeldLock | undefined): void => {
        settle();
        resolve(lock);
      };
      const refused = (error: Error): void => {
        settle();
        reject(error);
      };
      this.#waiting.set(id, { op, wireName, ended, refused });
      signal.addEventListener('abort', cancel, { once: true });
      // Without a worker (it died a moment ago) the next one is told of it when it has started.
      this.#link?.send({ op, id, wireName });
    });
  }

  holders(): Promise<readonly Holder[]> {
    const link = this.#link;
    if (link === undefined) return Promise.reject(new CoordinationError('the lock worker is not running'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(new CoordinationError('the lock worker does not answer')), answerWithinMs);
      const end = (result: readonly Holder[] | Error): void => {
        clearTimeout(timer);
        this.#listings.delete(id);
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      this.#listings.set(id, { resolve: end, reject: end });
      link.send({ op: 'holders', id });
    });
  }

  #showLife(): void {
    this.#mainLoopSeen.write(this.#options.clock.nowMs());
  }

  /** Starts a worker and tells it what is being waited for. */
  async #connect(signal: AbortSignal): Promise<void> {
    const { spec, silentMainLoopMs } = this.#options;
    const start = { spec, silentMainLoopMs, mainLoopSeen: this.#mainLoopSeen.buffer };
    const link = new WorkerLink(start, (message) => this.#receive(message));
    this.#guarantees = await link.start(signal);
    this.#link = link;
    this.#health = { ok: true };
    this.#connectedMs = this.#options.clock.nowMs();
    void link.ended.then((why) => this.#bury(link, why));
    for (const [id, { op, wireName }] of this.#waiting) link.send({ op, id, wireName });
  }

  /** The worker died by itself: nothing renews what it held, so that is lost; then another is started. */
  #bury(link: WorkerLink, why: string): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#health = { ok: false, detail: `the lock worker died: ${why}` };
    this.#options.log.error({ why }, 'the lock worker died; its locks are lost and it is started again');
    for (const [id, holding] of this.#holding) {
      holding.custody.lose('the lock worker died');
      this.#released(id, 'lost');
    }
    for (const { reject } of this.#listings.values()) reject(new CoordinationError('the lock worker died'));
    // One that dies again and again is started ever more seldom.
    if (this.#options.clock.nowMs() - this.#connectedMs > this.#options.reconnect.maxMs) this.#restarts.reset();
    this.#revival ??= this.#reviver();
    this.#revival.wake();
  }

  #reviver(): Loop {
    const revival = new Loop({
      turn: async (signal) => {
        if (this.#link !== undefined) return;
        await delay(this.#restarts.nextMs(), signal);
        await this.#connect(signal);
      },
      // With a worker there is nothing to do until its end wakes the loop.
      pauseMs: () => (this.#link === undefined ? 0 : 60_000),
      onError: (error) => {
        this.#health = { ok: false, detail: messageOf(error) };
        this.#options.log.warn({ err: error }, 'the lock worker could not be started again');
      },
    });
    revival.start();
    return revival;
  }

  #receive(message: FromWorker): void {
    switch (message.event) {
      case 'acquired':
        this.#won(message.id, message.proof);
        break;
      case 'busy':
        this.#waiting.get(message.id)?.ended(undefined);
        break;
      case 'refused':
        this.#waiting.get(message.id)?.refused(new CoordinationError(message.problem));
        this.#listings.get(message.id)?.reject(new CoordinationError(message.problem));
        break;
      case 'lost':
        this.#holding.get(message.id)?.custody.lose(message.why);
        break;
      case 'released':
        this.#released(message.id, message.result);
        break;
      case 'holders':
        this.#listings.get(message.id)?.resolve(message.holders);
        break;
      case 'health':
        this.#health = message.health;
        break;
      case 'log':
        this.#options.log[message.level](message.fields, message.message);
        break;
      case 'started':
      case 'start-failed':
      case 'stopped':
        // The link's own.
        break;
    }
  }

  /** If nobody waits any more, our cancel has crossed this message, and the worker gives the lock back. */
  #won(id: number, proof: SharedArrayBuffer): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    const custody = new Custody(new ProofCell(proof));
    this.#holding.set(id, { custody });
    waiting.ended({
      proof: custody.proof,
      onLost: (listener) => custody.onLost(listener),
      release: () => this.#release(id),
    });
  }

  #release(id: number): Promise<ReleaseResult> {
    const holding = this.#holding.get(id);
    const link = this.#link;
    if (holding === undefined || link === undefined) return Promise.resolve('lost');
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#released(id, 'lost'), answerWithinMs);
      holding.released = (result) => {
        clearTimeout(timer);
        resolve(result);
      };
      link.send({ op: 'release', id });
    });
  }

  #released(id: number, result: ReleaseResult): void {
    const holding = this.#holding.get(id);
    this.#holding.delete(id);
    holding?.released?.(result);
  }
}
