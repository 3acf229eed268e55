import type { Component } from './component.ts';
import { toError } from './errors.ts';

/** What went on at a start or stop, for the log. */
export type LifecycleEvent =
  | { readonly event: 'started' | 'stopped'; readonly component: string; readonly tookMs: number }
  | { readonly event: 'stop-failed'; readonly component: string; readonly error: Error };

/** Starts components in order and stops those that were started in reverse order. */
export class Lifecycle {
  readonly #components: readonly Component[];
  readonly #report: (event: LifecycleEvent) => void;
  readonly #started: Component[] = [];

  constructor(components: readonly Component[], report: (event: LifecycleEvent) => void) {
    this.#components = components;
    this.#report = report;
  }

  /** If one does not start, those before it are stopped again and its error is thrown. */
  async start(signal: AbortSignal): Promise<void> {
    for (const component of this.#components) {
      const since = performance.now();
      // Before its start has ended: a component that failed halfway has things to close as well.
      this.#started.push(component);
      try {
        signal.throwIfAborted();
        await component.start(signal);
      } catch (error) {
        await this.stop({ force: AbortSignal.abort() });
        throw error;
      }
      this.#report({ event: 'started', component: component.name, tookMs: performance.now() - since });
    }
  }

  /** Never throws: a component that cannot stop is reported and the others are stopped all the same. */
  async stop(how: { force: AbortSignal }): Promise<void> {
    for (let component = this.#started.pop(); component !== undefined; component = this.#started.pop()) {
      const since = performance.now();
      try {
        await component.stop(how);
        this.#report({ event: 'stopped', component: component.name, tookMs: performance.now() - since });
      } catch (thrown) {
        this.#report({ event: 'stop-failed', component: component.name, error: toError(thrown) });
      }
    }
  }
}
