import type { MessagePort } from 'node:worker_threads';
import { raceAbort } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Health } from '../kernel/component.ts';
import { messageOf } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { HeldLock, LockBackend } from './lock-backend.ts';
import type { ProofCell } from './proof-cell.ts';
import type { FromWorker, ThreadNews, ToClient, ToEnd } from './worker-protocol.ts';

/** What a backend on the worker thread is given. */
export interface RemoteBackendDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * False once the main loop has been silent for too long: a process that hangs must not keep its locks for ever.
   * Asked before every renewal; a backend that may not renew lets its locks run out, it does not give them away,
   * because leases that were proven to the main loop are valid until they run out.
   */
  readonly mayRenew: () => boolean;
}

/** A lock whose proof the main loop can read as well. */
export type SharedLock = HeldLock & { readonly proof: ProofCell };

export interface RemoteBackend extends LockBackend {
  acquireOne(wireName: string, signal: AbortSignal): Promise<SharedLock>;
}

/** How often the main loop is told of a changed health. */
const healthEveryMs = 200;

/** The worker's side of worker-protocol where it has the whole client: carries acquisitions of the main loop to it. */
export class LockWorker {
  readonly #port: MessagePort;
  readonly #backend: RemoteBackend;
  readonly #stopNow = new AbortController();
  /** Acquisitions that have not ended; aborting one takes it back. */
  readonly #waits = new Map<number, AbortController>();
  readonly #held = new Map<number, SharedLock>();

  constructor(port: MessagePort, backend: RemoteBackend) {
    this.#port = port;
    this.#backend = backend;
  }

  listen(): void {
    this.#port.on('message', (message: ToClient | ToEnd) => this.#handle(message));
    void this.#start();
  }

  #send(message: FromWorker): void {
    this.#port.postMessage(message);
  }

  async #start(): Promise<void> {
    try {
      await this.#backend.start(this.#stopNow.signal);
    } catch (error) {
      this.#send({ event: 'start-failed', problem: messageOf(error) });
      return;
    }
    this.#send({ event: 'started', guarantees: this.#backend.guarantees });
    reportHealth(this.#port, this.#backend);
  }

  #handle(message: ToClient | ToEnd): void {
    switch (message.op) {
      case 'acquire':
        void this.#acquire(message.id, message.wireName);
        break;
      case 'cancel':
        this.#cancel(message.id);
        break;
      case 'release':
        void this.#release(message.id);
        break;
      case 'holders':
        void this.#listHolders(message.id);
        break;
      case 'stop':
        void this.#stop();
        break;
      case 'stop-now':
        this.#stopNow.abort(new Error('the lock worker must stop now'));
        break;
    }
  }

  async #acquire(id: number, wireName: string): Promise<void> {
    const wait = new AbortController();
    this.#waits.set(id, wait);
    try {
      const lock = await this.#backend.acquireOne(wireName, wait.signal);
      if (wait.signal.aborted) {
        await lock.release();
        return;
      }
      this.#held.set(id, lock);
      this.#send({ event: 'acquired', id, proof: lock.proof.buffer });
      lock.onLost((why) => this.#send({ event: 'lost', id, why }));
    } catch (error) {
      this.#send({ event: 'refused', id, problem: messageOf(error) });
    } finally {
      this.#waits.delete(id);
    }
  }

  /** The cancel may cross the news that the lock was won: then it is given back. */
  #cancel(id: number): void {
    const wait = this.#waits.get(id);
    if (wait === undefined) void this.#release(id);
    else wait.abort(new Error('cancelled'));
  }

  async #release(id: number): Promise<void> {
    const lock = this.#held.get(id);
    if (lock === undefined) return;
    this.#held.delete(id);
    this.#send({ event: 'released', id, result: await lock.release() });
  }

  async #listHolders(id: number): Promise<void> {
    try {
      this.#send({ event: 'holders', id, holders: await this.#backend.holders() });
    } catch (error) {
      this.#send({ event: 'refused', id, problem: messageOf(error) });
    }
  }

  async #stop(): Promise<void> {
    for (const wait of this.#waits.values()) wait.abort(new Error('the lock worker stops'));
    const stopped = this.#backend.stop({ force: this.#stopNow.signal });
    await raceAbort(stopped, this.#stopNow.signal).catch((error: unknown) =>
      this.#send({
        event: 'log',
        level: 'warn',
        fields: { err: error },
        message: 'the lock backend did not stop cleanly',
      }),
    );
    this.#send({ event: 'stopped' });
    this.#port.close();
  }
}

/** Tells the main loop of each change of a health, for as long as the thread lives. */
export function reportHealth(port: MessagePort, of: { health(): Health }): void {
  let reported = '';
  const report = (): void => {
    const health = of.health();
    const text = JSON.stringify(health);
    if (text === reported) return;
    reported = text;
    const message: FromWorker = { event: 'health', health };
    port.postMessage(message);
  };
  setInterval(report, healthEveryMs).unref();
}

/** A logger whose lines are written by the main thread. */
export function portLogger(port: MessagePort, bound: Record<string, unknown> = {}): Logger {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: object, message: string) => {
    const line = (all: object): ThreadNews => ({ event: 'log', level, fields: all, message });
    try {
      port.postMessage(line({ ...bound, ...fields }));
    } catch (error) {
      // A field that cannot be cloned must cost the field, not the thread.
      port.postMessage(line({ unclonable: messageOf(error) }));
    }
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => portLogger(port, { ...bound, ...fields }),
  };
}
