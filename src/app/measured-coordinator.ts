import type { AcquireOptions, Coordinator, Holder, Lease } from '../coordination/coordinator.ts';
import { LockTimeoutError } from '../coordination/coordinator.ts';
import type { LockName } from '../coordination/lock-names.ts';
import type { Health } from '../kernel/component.ts';
import type { Tally } from '../kernel/tally.ts';

/** A coordinator that tells how long each acquire took, and which leases were lost. It changes nothing else. */
export class MeasuredCoordinator implements Coordinator {
  readonly #inner: Coordinator;
  readonly #tally: Tally;

  constructor(inner: Coordinator, tally: Tally) {
    this.#inner = inner;
    this.#tally = tally;
  }

  async acquire(names: readonly LockName[], options: AcquireOptions): Promise<Lease> {
    const since = performance.now();
    const waited = (outcome: 'had' | 'timeout' | 'failed'): void =>
      this.#tally({ what: 'lock-waited', outcome, seconds: (performance.now() - since) / 1000 });
    try {
      const lease = await this.#inner.acquire(names, options);
      waited('had');
      lease.signal.addEventListener('abort', () => this.#tally({ what: 'lock-lost' }), { once: true });
      return lease;
    } catch (error) {
      waited(error instanceof LockTimeoutError ? 'timeout' : 'failed');
      throw error;
    }
  }

  get name(): string {
    return this.#inner.name;
  }

  get guarantees(): Coordinator['guarantees'] {
    return this.#inner.guarantees;
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#inner.start(signal);
  }

  stop(how: { force: AbortSignal }): Promise<void> {
    return this.#inner.stop(how);
  }

  health(): Health {
    return this.#inner.health();
  }

  holders(): Promise<readonly Holder[]> {
    return this.#inner.holders();
  }

  local(): ReturnType<Coordinator['local']> {
    return this.#inner.local();
  }
}
