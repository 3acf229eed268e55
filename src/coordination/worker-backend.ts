import { abortReason } from '../kernel/abort.ts';
import type { Health } from '../kernel/component.ts';
import { CoordinationError, type Guarantees, type Holder } from './coordinator.ts';
import { Custody, type HeldLock, type LockBackend, type ReleaseResult } from './lock-backend.ts';
import { LockThread, type LockThreadOptions } from './lock-thread.ts';
import { ProofCell } from './proof-cell.ts';
import type { WorkerNews } from './worker-protocol.ts';

/** How long a release and a listing wait for the worker; its own calls have shorter deadlines. */
const answerWithinMs = 15_000;

interface Waiting {
  readonly wireName: string;
  readonly won: (lock: HeldLock) => void;
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
 * A lock backend whose whole client lives on the lock thread: of a service whose locks belong to a connection, or that
 * has nothing which another connection could renew. Proofs come through shared memory; the messages are only for what
 * happens once: won, refused, lost, released. If the thread dies, what it held counts as lost, and a new one takes over
 * what was being waited for.
 */
export class WorkerBackend implements LockBackend {
  readonly name: string;
  readonly #thread: LockThread;
  readonly #waiting = new Map<number, Waiting>();
  readonly #holding = new Map<number, Holding>();
  readonly #listings = new Map<number, Listing>();
  #guarantees: Guarantees = { scope: 'process', survivesFailover: false, fifo: false };
  #nextId = 1;

  constructor(options: LockThreadOptions) {
    this.name = `${options.spec.kind} locks`;
    this.#thread = new LockThread(options, {
      started: ({ guarantees }) => this.#started(guarantees),
      died: (why) => this.#died(why),
      receive: (message) => this.#receive(message),
    });
  }

  get guarantees(): Guarantees {
    return this.#guarantees;
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#thread.start(signal);
  }

  stop(how: { force: AbortSignal }): Promise<void> {
    return this.#thread.stop(how);
  }

  health(): Health {
    return this.#thread.health();
  }

  acquireOne(wireName: string, signal: AbortSignal): Promise<HeldLock> {
    if (signal.aborted) return Promise.reject(abortReason(signal));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#waiting.delete(id);
        signal.removeEventListener('abort', cancel);
      };
      const cancel = (): void => {
        settle();
        this.#thread.send({ op: 'cancel', id });
        reject(abortReason(signal));
      };
      const won = (lock: HeldLock): void => {
        settle();
        resolve(lock);
      };
      const refused = (error: Error): void => {
        settle();
        reject(error);
      };
      this.#waiting.set(id, { wireName, won, refused });
      signal.addEventListener('abort', cancel, { once: true });
      this.#thread.send({ op: 'acquire', id, wireName });
    });
  }

  holders(): Promise<readonly Holder[]> {
    const { problem } = this.#thread;
    if (problem !== undefined) return Promise.reject(new CoordinationError(problem));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(new CoordinationError('the lock thread does not answer')), answerWithinMs);
      const end = (result: readonly Holder[] | Error): void => {
        clearTimeout(timer);
        this.#listings.delete(id);
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      this.#listings.set(id, { resolve: end, reject: end });
      this.#thread.send({ op: 'holders', id });
    });
  }

  #started(guarantees: Guarantees | undefined): void {
    if (guarantees !== undefined) this.#guarantees = guarantees;
    for (const [id, { wireName }] of this.#waiting) this.#thread.send({ op: 'acquire', id, wireName });
  }

  #died(why: string): void {
    for (const [id, holding] of this.#holding) {
      holding.custody.lose(`the lock thread died: ${why}`);
      this.#released(id, 'lost');
    }
    for (const { reject } of this.#listings.values()) reject(new CoordinationError('the lock thread died'));
  }

  #receive(message: WorkerNews): void {
    switch (message.event) {
      case 'acquired':
        this.#won(message.id, message.proof);
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
    }
  }

  /** If nobody waits any more, our cancel has crossed this message, and the worker gives the lock back. */
  #won(id: number, proof: SharedArrayBuffer): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    const custody = new Custody(new ProofCell(proof));
    this.#holding.set(id, { custody });
    waiting.won(custody.asLock(() => this.#release(id)));
  }

  #release(id: number): Promise<ReleaseResult> {
    const holding = this.#holding.get(id);
    if (holding === undefined) return Promise.resolve('lost');
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#released(id, 'lost'), answerWithinMs);
      holding.released = (result) => {
        clearTimeout(timer);
        resolve(result);
      };
      this.#thread.send({ op: 'release', id });
    });
  }

  #released(id: number, result: ReleaseResult): void {
    const holding = this.#holding.get(id);
    this.#holding.delete(id);
    holding?.released?.(result);
  }
}
