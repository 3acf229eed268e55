import { childAbort, delay } from '../kernel/abort.ts';
import { Backoff } from '../kernel/backoff.ts';
import { toError } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { RpcRequest, RpcService } from './method.ts';
import { Work } from './work.ts';
import type { Delivery } from './transport.ts';

/**
 * Casts on their way into the journal. A message is acknowledged when its request is safe; while it cannot be kept
 * (the database is away) it stays un-acked here, is offered again and again, and is bounded by the prefetch. If its
 * channel ends meanwhile it is somebody else's, and is given up here.
 */
export class CastLane {
  readonly #service: RpcService;
  readonly #log: Logger;
  readonly #work = new Work();

  constructor(given: { service: RpcService; log: Logger }) {
    this.#service = given.service;
    this.#log = given.log;
  }

  /** `onKept` takes over the acknowledgement. */
  take(delivery: Delivery, request: RpcRequest, onKept: () => void): void {
    this.#work.run((stopping) => this.#keep(delivery, request, onKept, stopping));
  }

  /** What is being kept gets the time until `force`; what waits for a next try goes back at once. */
  stop(force: AbortSignal): Promise<void> {
    return this.#work.stop(force);
  }

  async #keep(delivery: Delivery, request: RpcRequest, onKept: () => void, stopping: AbortSignal): Promise<void> {
    const backoff = new Backoff({ initialMs: 200, maxMs: 10_000 });
    const over = childAbort(stopping, delivery.lost);
    try {
      while (!(await this.#accept(request))) await delay(backoff.nextMs(), over.signal);
      onKept();
    } catch {
      // Stopping, or the channel is gone. The journal knows a request that was kept after all.
      delivery.requeue();
    } finally {
      over.detach();
    }
  }

  async #accept(request: RpcRequest): Promise<boolean> {
    try {
      await this.#service.accept(request);
      return true;
    } catch (error) {
      const { method, uniqueId, context } = request;
      const fields = { err: toError(error), method, unique_id: uniqueId, request_id: context.request_id };
      this.#log.warn(fields, 'a request could not be kept; it stays un-acked and is offered again');
      return false;
    }
  }
}
