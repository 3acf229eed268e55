import { raceAbort } from '../../kernel/abort.ts';
import type { Health } from '../../kernel/component.ts';
import type { Tally } from '../../kernel/tally.ts';
import type { Logger } from '../../log/logger.ts';
import type { Listener, ListenOptions, OutgoingMessage, Transport } from '../transport.ts';
import { randomNames, type QueueNames } from '../queue-names.ts';
import type { BrokerHost, TransportUrl } from '../transport-url.ts';
import { ManagedNames } from './managed-names.ts';
import { RabbitConnection } from './rabbit-connection.ts';
import { RabbitListener } from './rabbit-listener.ts';
import { RabbitPublisher } from './rabbit-publisher.ts';
import { checkRabbitOptions, withUrlOptions } from './rabbit-options.ts';
import type { RabbitOptions } from './rabbit-options.ts';

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
  readonly #listeners = new Set<RabbitListener>();
  readonly #managed: ManagedNames | undefined;

  constructor(url: TransportUrl, options: RabbitOptions, log: Logger, tally: Tally) {
    this.#options = withUrlOptions(options, url.options);
    checkRabbitOptions(this.#options);
    this.#log = log;
    if (this.#options.useQueueManager) this.#managed = new ManagedNames(this.#options);
    const given = { vhost: url.path, options: this.#options, tally, log };
    this.#inward = new RabbitConnection({ ...given, name: 'consume', hosts: shuffled(url.hosts) });
    this.#outward = new RabbitConnection({ ...given, name: 'publish', hosts: shuffled(url.hosts) });
    this.#publisher = new RabbitPublisher(this.#outward, this.#options, log);
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
    await Promise.all([this.#inward.current(signal), this.#publisher.ready(signal)]);
  }

  async stop({ force }: { force: AbortSignal }): Promise<void> {
    const atMost = AbortSignal.any([force, AbortSignal.timeout(5_000)]);
    const users = [this.#publisher.stop(), ...[...this.#listeners].map((listener) => listener.close())];
    await raceAbort(Promise.allSettled(users), atMost).catch(() => undefined);
    await Promise.all([this.#inward.stop(atMost), this.#outward.stop(atMost)]);
    this.#managed?.close();
  }

  listen(given: ListenOptions): Listener {
    const listener = new RabbitListener(given, this.#inward, this.#options, this.#log);
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
