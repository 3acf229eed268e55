import type { AcquireOptions, Coordinator, Holder, Lease } from '../coordination/coordinator.ts';
import { LockTimeoutError } from '../coordination/coordinator.ts';
import type { LockName } from '../coordination/lock-names.ts';
import type { Health } from '../kernel/component.ts';

type Observe = (outcome: 'had' | 'timeout' | 'failed', seconds: number) => void;

/** A coordinator that tells how long each acquire took, for the metrics. It changes nothing else. */
export class MeasuredCoordinator implements Coordinator {
  readonly #inner: Coordinator;
  #observe: Observe = () => undefined;

  constructor(inner: Coordinator) {
    this.#inner = inner;
  }

  observe(observe: Observe): void {
    this.#observe = observe;
  }

  async acquire(names: readonly LockName[], options: AcquireOptions): Promise<Lease> {
    const since = performance.now();
    const seconds = (): number => (performance.now() - since) / 1000;
    try {
      const lease = await this.#inner.acquire(names, options);
      this.#observe('had', seconds());
      return lease;
    } catch (error) {
      this.#observe(error instanceof LockTimeoutError ? 'timeout' : 'failed', seconds());
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
