import { abortReason, delay } from '../kernel/abort.ts';
import { Backoff } from '../kernel/backoff.ts';
import type { Component } from '../kernel/component.ts';
import { messageOf } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';

export interface DriverStartOptions {
  readonly host: string;
  readonly driver: Pick<Component, 'start' | 'stop'>;
  /** `reinit_driver_count`: so many tries after the first, 1, 2, 4, … seconds apart, before the slow ones begin. */
  readonly reinitCount: number;
  /** The longest pause between slow tries (60 s). */
  readonly slowMs?: number;
  readonly log: Logger;
}

/** How the set-up of a driver stands. */
export type DriverState =
  | { readonly state: 'starting'; readonly attempt: number }
  | { readonly state: 'failing'; readonly attempt: number; readonly problem: string }
  | { readonly state: 'ready' };

/**
 * Sets a driver up, however long that takes: a few quick tries as upstream makes them, then slow ones without end.
 * Upstream gives up after the quick ones and needs a restart when the file server is back; ours comes back by itself.
 */
export class DriverStart {
  readonly #options: DriverStartOptions;
  #state: DriverState = { state: 'starting', attempt: 1 };

  constructor(options: DriverStartOptions) {
    this.#options = options;
  }

  get state(): DriverState {
    return this.#state;
  }

  /** Resolves when the driver works, rejects only with the signal's reason. `onAttempt` is told of each try's end. */
  async run(signal: AbortSignal, onAttempt: () => void): Promise<void> {
    const slow = new Backoff({ initialMs: 15_000, maxMs: this.#options.slowMs ?? 60_000 });
    for (let attempt = 1; ; attempt += 1) {
      if (await this.#attempt(attempt, signal)) {
        onAttempt();
        return;
      }
      onAttempt();
      const quick = attempt <= this.#options.reinitCount;
      if (attempt === this.#options.reinitCount + 1) this.#tellSlow();
      await delay(quick ? 1000 * 2 ** (attempt - 1) : slow.nextMs(), signal);
    }
  }

  async #attempt(attempt: number, signal: AbortSignal): Promise<boolean> {
    const { driver, host, log } = this.#options;
    signal.throwIfAborted();
    try {
      await driver.start(signal);
      this.#state = { state: 'ready' };
      log.info({ host, attempt }, `The driver of ${host} is set up`);
      return true;
    } catch (err) {
      if (signal.aborted) throw abortReason(signal);
      this.#state = { state: 'failing', attempt, problem: messageOf(err) };
      log.error({ err, host, attempt }, `The driver of ${host} did not come up`);
      return false;
    }
  }

  #tellSlow(): void {
    const { host, log } = this.#options;
    log.error({ host }, `The driver of ${host} is not initialized; trying again about once a minute until it comes up`);
  }
}
