import { randomUUID } from 'node:crypto';
import { raceAbort } from '../kernel/abort.ts';
import type { Delivery, Transport } from './transport.ts';
import { buildBody, buildRequest } from './wire/envelope.ts';
import type { WireRequest } from './wire/envelope.ts';

/** No method of Cinder's can be called this: a name with an underscore in front is refused from everybody else. */
const PROBE_METHOD = '_aa_self_probe';

/**
 * A message to our own fanout queue, which comes back if its channel consumes. Where all readers share the queue (a
 * stream) the probes of others come here as well, and are nothing to us.
 */
export class SelfProbe {
  readonly #transport: Transport;
  readonly #queue: string;
  readonly #waiting = new Map<string, () => void>();

  constructor(transport: Transport, queue: string) {
    this.#transport = transport;
    this.#queue = queue;
  }

  /** Rejects when the signal aborts first. */
  async run(signal: AbortSignal): Promise<void> {
    const id = randomUUID().replaceAll('-', '');
    const back = new Promise<void>((resolve) => this.#waiting.set(id, resolve));
    try {
      const to = { kind: 'queue', name: this.#queue } as const;
      const outcome = await this.#transport.publish(
        { to, body: probeBody(id), expirationMs: 60_000, mandatory: true },
        signal,
      );
      if (outcome === 'unroutable') throw new Error(`the queue ${this.#queue} does not exist`);
      await raceAbort(back, signal);
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** Whether the message was a probe, which is then acknowledged. */
  accepts(delivery: Delivery, request: WireRequest): boolean {
    if (request.method !== PROBE_METHOD || delivery.queue !== this.#queue) return false;
    delivery.ack();
    this.#waiting.get(request.uniqueId ?? '')?.();
    return true;
  }
}

function probeBody(uniqueId: string): Buffer {
  const request = {
    method: PROBE_METHOD,
    args: {},
    version: '0.0',
    namespace: null,
    uniqueId,
    replyTo: null,
    context: {},
  };
  return buildBody(buildRequest(request));
}
