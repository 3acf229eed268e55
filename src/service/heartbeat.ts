import { raceAbort } from '../kernel/abort.ts';
import { Loop } from '../kernel/loop.ts';
import type { Logger } from '../log/logger.ts';

/** What the heartbeat of one services row needs. */
export interface HeartbeatOptions {
  readonly host: string;
  readonly intervalMs: number;
  /** Whether the driver works. */
  readonly ready: () => boolean;
  readonly beat: () => Promise<void>;
  readonly log: Logger;
}

/**
 * Tells API and scheduler that a service is up by writing its row now and then. It is silent while the driver does
 * not work, so that the service is seen down, as upstream's is. A database that is away is logged once, not at every
 * beat, and once more when it is back.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #loop: Loop;
  #failing = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#loop = new Loop({
      turn: (signal) => this.#turn(signal),
      pauseMs: () => options.intervalMs,
      onError: (error) => this.#failed(error),
    });
  }

  start(): void {
    this.#loop.start(this.#options.intervalMs);
  }

  /** A beat now: the driver has just come up, and a row that was never updated counts as down. */
  beatNow(): void {
    this.#loop.wake();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { host, ready, beat, log } = this.#options;
    if (!ready()) {
      log.error({ host }, `The driver of ${host} does not work; sending no heartbeat. The service will appear "down"`);
      return;
    }
    // A beat that hangs with its connection must not hold up the stop; a late one only says what is true.
    await raceAbort(beat(), signal);
    if (this.#failing) log.info({ host }, 'The heartbeat reaches the database again');
    this.#failing = false;
  }

  #failed(err: unknown): void {
    if (!this.#failing) this.#options.log.error({ err, host: this.#options.host }, 'The heartbeat cannot be written');
    this.#failing = true;
  }
}
