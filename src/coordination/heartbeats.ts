import type { Clock } from '../kernel/clock.ts';
import type { Component, Health } from '../kernel/component.ts';
import type { Logger } from '../log/logger.ts';
import { LockThread, type LockThreadOptions } from './lock-thread.ts';
import type { ProofCell } from './proof-cell.ts';

/** What a backend on the main loop has the lock thread keep alive for it; `What` is plain data, of that backend's kind. */
export interface Keeper<What extends object> {
  /**
   * From now on `what` is renewed, and `proof` extended with each renewal that is confirmed. The function that is
   * returned ends that; an answer under way may still extend a proof that was not ended.
   *
   * @param lost called once, if the service says that there is nothing left to be renewed; the proof has ended then
   */
  keep(what: What, proof: ProofCell, lost: (why: string) => void): () => void;
}

/**
 * What is kept for less is none of the thread's business: a message wakes it, which costs more than a lock. The first
 * renewal is due much later; a main loop that is blocked this very moment has the lock for its whole time to live.
 */
const tellAfterMs = 5;

/** What a backend on the main loop is given. */
export interface HeartbeatDeps<What extends object> {
  readonly clock: Clock;
  readonly log: Logger;
  readonly heartbeats: Heartbeats<What>;
}

interface Kept {
  readonly what: object;
  readonly proof: ProofCell;
  readonly lost: (why: string) => void;
  readonly telling: NodeJS.Timeout;
  isTold: boolean;
}

/**
 * The lock thread as a heartbeat: the lock service's client lives on the main loop, where taking a lock and giving it
 * back cost no message between threads, and the thread renews over a connection of its own what that client holds. If
 * the thread dies, the next one is told what to keep; proofs that it did not extend in time have run out by themselves.
 */
export class Heartbeats<What extends object> implements Component, Keeper<What> {
  readonly name = 'lock heartbeats';
  readonly #thread: LockThread;
  readonly #kept = new Map<number, Kept>();
  #nextId = 1;

  constructor(options: LockThreadOptions) {
    this.#thread = new LockThread(options, {
      started: () => {
        for (const id of this.#kept.keys()) this.#tell(id);
      },
      died: () => undefined,
      receive: (message) => {
        if (message.event === 'lost') this.#end(message.id)?.lost(message.why);
      },
    });
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

  keep(what: What, proof: ProofCell, lost: (why: string) => void): () => void {
    const id = this.#nextId++;
    const telling = setTimeout(() => this.#tell(id), tellAfterMs).unref();
    this.#kept.set(id, { what, proof, lost, telling, isTold: false });
    return () => {
      if (this.#end(id)?.isTold === true) this.#thread.send({ op: 'let-go', id });
    };
  }

  #tell(id: number): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    clearTimeout(kept.telling);
    kept.isTold = true;
    this.#thread.send({ op: 'keep', id, what: kept.what, proof: kept.proof.buffer });
  }

  #end(id: number): Kept | undefined {
    const kept = this.#kept.get(id);
    clearTimeout(kept?.telling);
    this.#kept.delete(id);
    return kept;
  }
}
