import { Worker } from 'node:worker_threads';
import { delay, never, raceAbort } from '../kernel/abort.ts';
import { messageOf } from '../kernel/errors.ts';
import { CoordinationError } from './coordinator.ts';
import { workerEntry } from './worker-entry.ts';
import type { FromWorker, Started, ThreadNews, ToWorker, WorkerNews, WorkerStart } from './worker-protocol.ts';

/** The client and its buffers fit many times over; small young spaces keep a second heap from costing memory. */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

/** How long a worker that was told to stop at once may take before it is ended from outside. */
const stopNowMs = 500;

/** One lock worker from its start to its end. */
export class WorkerLink {
  /** Resolves when the thread has ended, with why; never rejects. */
  readonly ended: Promise<string>;
  readonly #worker: Worker;
  readonly #receive: (message: WorkerNews | ThreadNews) => void;
  readonly #started: Promise<Started>;

  constructor(start: WorkerStart, receive: (message: WorkerNews | ThreadNews) => void) {
    this.#receive = receive;
    this.#worker = new Worker(workerEntry(), { workerData: start, resourceLimits });
    this.ended = new Promise((resolve) => {
      this.#worker.once('error', (error) => resolve(messageOf(error)));
      this.#worker.once('exit', (code) => resolve(`exit code ${code}`));
    });
    this.#started = this.#listen();
    // Its failure is reported by `start`; nobody may be waiting for it any more.
    this.#started.catch(() => undefined);
  }

  /** Resolves when the lock service has answered; ends the thread otherwise. */
  async start(signal: AbortSignal): Promise<Started> {
    try {
      return await raceAbort(this.#started, signal);
    } catch (error) {
      await this.#worker.terminate();
      throw error;
    }
  }

  send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  async stop(force: AbortSignal): Promise<void> {
    const now = (): void => this.send({ op: 'stop-now' });
    this.send({ op: 'stop' });
    if (force.aborted) now();
    else force.addEventListener('abort', now, { once: true });
    // A worker that answers ends by itself; one that hangs is ended.
    const cut = raceAbort(this.ended, force).catch(() => delay(stopNowMs, never));
    await Promise.race([this.ended, cut]);
    force.removeEventListener('abort', now);
    await this.#worker.terminate();
  }

  #listen(): Promise<Started> {
    return new Promise((resolve, reject) => {
      this.#worker.on('message', (message: FromWorker) => {
        if (message.event === 'started') resolve(message);
        else if (message.event === 'start-failed') reject(new CoordinationError(message.problem));
        else if (message.event !== 'stopped') this.#receive(message);
      });
      void this.ended.then((why) => reject(new CoordinationError(`the lock worker did not start: ${why}`)));
    });
  }
}
