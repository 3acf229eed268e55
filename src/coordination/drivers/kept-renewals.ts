import type { Health } from '../../kernel/component.ts';
import { Loop } from '../../kernel/loop.ts';
import type { Renewals } from '../heartbeat-host.ts';
import type { RemoteBackendDeps } from '../lock-worker-host.ts';
import type { ProofCell } from '../proof-cell.ts';

/** A lock service as the lock thread uses it, over connections of its own. */
export interface RenewingService<What extends object> {
  /** As operators read it in the log. */
  readonly name: string;
  readonly ttlMs: number;
  open(): void;
  close(): void;
  health(): Health;
  /** Until the next round. */
  pauseMs(kept: number): number;
  /** Instead of a round while nothing is kept: finds out whether the service answers. */
  probe(): Promise<void>;
  /** Resolves with how long it lives from when this was called, or with why it is gone. Otherwise nothing is known. */
  renew(what: What): Promise<number | string>;
}

type Kept<What> = { readonly what: What; readonly proof: ProofCell; readonly lost: (why: string) => void };

/**
 * Renews, round by round, what the main loop holds. Neither side waits for the other's connection, and what is given
 * back while it is renewed is gone, whichever reaches the service first.
 */
export class KeptRenewals<What extends object> implements Renewals<What> {
  readonly #service: RenewingService<What>;
  readonly #deps: RemoteBackendDeps;
  readonly #kept = new Map<number, Kept<What>>();
  readonly #beat: Loop;

  constructor(service: RenewingService<What>, deps: RemoteBackendDeps) {
    this.#service = service;
    this.#deps = deps;
    this.#beat = new Loop({
      turn: () => this.#renewAll(),
      pauseMs: () => service.pauseMs(this.#kept.size),
      // A renewal that failed proves nothing: the proofs run out by themselves.
      onError: (error) => deps.log.debug({ err: error }, `${service.name} did not confirm a heartbeat`),
    });
  }

  start(): void {
    this.#service.open();
    this.#beat.start();
  }

  async stop(): Promise<void> {
    await this.#beat.stop();
    this.#service.close();
  }

  health(): Health {
    return this.#service.health();
  }

  add(id: number, what: What, proof: ProofCell, lost: (why: string) => void): void {
    this.#kept.set(id, { what, proof, lost });
    // A thread that took over from one that died: nobody has renewed it for some time.
    if (proof.untilMs() - this.#deps.clock.nowMs() < this.#service.ttlMs / 2) this.#beat.wake();
  }

  remove(id: number): void {
    this.#kept.delete(id);
  }

  async #renewAll(): Promise<void> {
    if (!this.#deps.mayRenew()) {
      this.#deps.log.warn({ locks: this.#kept.size }, 'the main loop is silent: its locks are not renewed');
      return;
    }
    if (this.#kept.size === 0) await this.#service.probe();
    else await Promise.all([...this.#kept].map(([id, kept]) => this.#renew(id, kept)));
  }

  async #renew(id: number, { what, proof, lost }: Kept<What>): Promise<void> {
    const sentMs = this.#deps.clock.nowMs();
    const renewed = await this.#service.renew(what);
    if (typeof renewed === 'number') proof.extend(sentMs + renewed);
    // Given back meanwhile: the answer is about what the main loop ended itself.
    else if (this.#kept.delete(id)) lost(renewed);
  }
}
