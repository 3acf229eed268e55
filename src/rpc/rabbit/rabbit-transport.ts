import { raceAbort } from '../../kernel/abort.ts';
import type { Health } from '../../kernel/component.ts';
import { Loop } from '../../kernel/loop.ts';
import type { Tally } from '../../kernel/tally.ts';
import type { Logger } from '../../log/logger.ts';
import type { Listener, ListenOptions, OutgoingMessage, Transport } from '../transport.ts';
import { randomNames, type QueueNames } from '../queue-names.ts';
import type { BrokerHost, TransportUrl } from '../transport-url.ts';
import { ManagedNames } from './managed-names.ts';
import { QueueCopies } from './queue-copies.ts';
import { RabbitConnection } from './rabbit-connection.ts';
import { RabbitListener } from './rabbit-listener.ts';
import { RabbitPublisher } from './rabbit-publisher.ts';
import { checkRabbitOptions, withUrlOptions } from './rabbit-options.ts';
import type { RabbitOptions } from './rabbit-options.ts';

/** A queue of copies that nobody declares for a day is gone; and one that was deleted is missed by nobody else. */
const RENEW_COPIES_MS = 10 * 60_000;

/**
 * RabbitMQ by two connections: one for what is consumed, one for what is published, since a broker that is short of
 * memory stops reading from connections that publish, and acknowledgements would be stuck behind them.
 */
export class RabbitTransport implements Transport {
  readonly name = 'rabbit';
  readonly #options: RabbitOptions;
  readonly #log: Logger;
  readonly #inward: RabbitConnection;
  readonly #outward: RabbitConnection;
  readonly #publisher: RabbitPublisher;
  readonly #copies: QueueCopies;
  readonly #renewal: Loop;
  readonly #listeners = new Set<RabbitListener>();
  readonly #managed: ManagedNames | undefined;

  /** @param renewCopiesMs how often the queues of copies are declared once more */
  constructor(
    url: TransportUrl,
    options: RabbitOptions,
    log: Logger,
    tally: Tally,
    renewCopiesMs: number = RENEW_COPIES_MS,
  ) {
    this.#options = withUrlOptions(options, url.options);
    checkRabbitOptions(this.#options);
    this.#log = log;
    if (this.#options.useQueueManager) this.#managed = new ManagedNames(this.#options);
    const given = { vhost: url.path, options: this.#options, tally, log };
    this.#inward = new RabbitConnection({ ...given, name: 'consume', hosts: shuffled(url.hosts) });
    this.#outward = new RabbitConnection({ ...given, name: 'publish', hosts: shuffled(url.hosts) });
    this.#publisher = new RabbitPublisher(this.#outward, this.#options, log);
    const connections = { inward: this.#inward, outward: this.#outward };
    this.#copies = new QueueCopies({ ...connections, options: this.#options, log });
    this.#renewal = new Loop({
      turn: (signal) =>
        this.#copies.keep(
          [...this.#listeners].flatMap(({ queues }) => queues),
          signal,
        ),
      pauseMs: () => renewCopiesMs,
      onError: (err) => log.warn({ err }, 'cannot renew the queues of copies'),
    });
  }

  get names(): QueueNames {
    const own = this.#managed ?? randomNames;
    if (!this.#options.rabbitStreamFanout) return own;
    return { fanout: (topic) => `${topic}_fanout`, reply: () => own.reply() };
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#inward.start();
    this.#outward.start();
    this.#publisher.start();
    this.#renewal.start();
    await Promise.all([this.#inward.current(signal), this.#publisher.ready(signal)]);
  }

  async stop({ force }: { force: AbortSignal }): Promise<void> {
    const atMost = AbortSignal.any([force, AbortSignal.timeout(5_000)]);
    const users = [
      this.#renewal.stop(atMost),
      this.#publisher.stop(),
      ...[...this.#listeners].map((listener) => listener.close()),
    ];
    await raceAbort(Promise.allSettled(users), atMost).catch(() => undefined);
    await Promise.all([this.#inward.stop(atMost), this.#outward.stop(atMost)]);
    this.#managed?.close();
  }

  listen(given: ListenOptions): Listener {
    const parts = { connection: this.#inward, copies: this.#copies, options: this.#options, log: this.#log };
    const listener = new RabbitListener(given, parts);
    this.#listeners.add(listener);
    listener.start();
    return {
      ready: (signal) => listener.ready(signal),
      cancel: () => listener.cancel(),
      health: () => listener.health(),
      close: async () => {
        this.#listeners.delete(listener);
        await listener.close();
      },
    };
  }

  publish(message: OutgoingMessage, signal: AbortSignal): Promise<'delivered' | 'unroutable'> {
    return this.#publisher.publish(message, signal);
  }

  readCopies(queue: string, onCopy: (body: Buffer) => void, signal: AbortSignal): Promise<void> {
    return this.#copies.read(queue, onCopy, signal);
  }

  health(): Health {
    const parts = [this.#inward.health(), this.#outward.health(), this.#publisher.health()];
    const listeners = [...this.#listeners].map((listener) => listener.health());
    return [...parts, ...listeners].find((part) => !part.ok) ?? { ok: true };
  }
}

/** So that the clients of a cluster spread over its members. */
function shuffled(hosts: readonly BrokerHost[]): readonly BrokerHost[] {
  const keyed = hosts.map((host) => ({ host, key: Math.random() }));
  return keyed.sort((one, other) => one.key - other.key).map(({ host }) => host);
}
