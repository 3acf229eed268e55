import type { ChannelModel } from 'amqplib';
import { Duplex } from 'node:stream';
import { abortReason, delay, raceAbort } from '../../kernel/abort.ts';
import type { Health } from '../../kernel/component.ts';
import { messageOf, toError } from '../../kernel/errors.ts';
import type { Tally } from '../../kernel/tally.ts';
import type { Logger } from '../../log/logger.ts';
import { Latest } from '../latest.ts';
import type { BrokerHost } from '../transport-url.ts';
import type { RabbitOptions } from './rabbit-options.ts';
import { openConnection } from './rabbit-socket.ts';

export interface RabbitConnectionOptions {
  readonly name: string;
  /** Tried in turn, from the first on. */
  readonly hosts: readonly BrokerHost[];
  readonly vhost: string;
  readonly options: RabbitOptions;
  readonly tally: Tally;
  readonly log: Logger;
}

/**
 * One connection to any of several brokers, for as long as it is wanted:
 *
 *     connecting ─ opened ─▶ open ─ closed, error, silence ─▶ connecting …        (stop ends either)
 *
 * Each attempt takes the next host; when all have failed in a row it waits, longer each time. Users ask for the
 * present connection with `current` and ask again when theirs has closed.
 */
export class RabbitConnection {
  readonly #given: RabbitConnectionOptions;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #abandon = new AbortController();
  readonly #model = new Latest<ChannelModel>();
  #running: Promise<void> | undefined;
  #blocked: string | undefined;
  #problem = 'not started';
  #attempts = 0;

  constructor(given: RabbitConnectionOptions) {
    this.#given = given;
    this.#log = given.log.child({ connection: given.name });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** The open connection, as soon as there is one. Rejects when `signal` aborts or the connection is stopped. */
  current(signal: AbortSignal): Promise<ChannelModel> {
    return this.#model.next(signal);
  }

  async stop(force: AbortSignal): Promise<void> {
    const model = this.#model.value;
    this.#stopping.abort(new Error('connection stopped'));
    this.#model.end(new Error('connection stopped'));
    // The broker may be frozen: the goodbye is sent, its answer is not worth waiting for longer than allowed.
    if (model !== undefined) await raceAbort(closeQuietly(model), force).catch(() => destroySocket(model));
    this.#abandon.abort(new Error('connection abandoned'));
    await this.#running;
  }

  health(): Health {
    if (this.#model.value === undefined) return { ok: false, detail: `no connection to RabbitMQ: ${this.#problem}` };
    if (this.#blocked === undefined) return { ok: true };
    return { ok: false, detail: `RabbitMQ takes no messages at present: ${this.#blocked}` };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#live(await this.#open(signal));
        failures = 0;
        await delay(this.#reconnectDelayMs(), signal);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        this.#problem = messageOf(error);
        const pauseMs = this.#pauseMs(failures);
        this.#log.warn({ err: toError(error), retry_in_ms: pauseMs }, 'cannot connect to RabbitMQ');
        if (pauseMs > 0) await delay(pauseMs, signal).catch(() => undefined);
      }
    }
  }

  async #open(signal: AbortSignal): Promise<ChannelModel> {
    const { vhost, options } = this.#given;
    const host = this.#nextHost();
    const opening = openConnection(host, vhost, options);
    try {
      const model = await raceAbort(opening, signal);
      // At once: an error that nobody listens to would end the process.
      model.on('error', (error) => (this.#problem = messageOf(error)));
      this.#log.info({ host: host.host, port: host.port, vhost }, 'connected to RabbitMQ');
      return model;
    } catch (error) {
      opening.then(closeQuietly, () => undefined);
      throw signal.aborted ? abortReason(signal) : new Error(`${host.host}:${host.port}: ${messageOf(error)}`);
    }
  }

  /** Resolves when the connection has closed. */
  async #live(model: ChannelModel): Promise<void> {
    const closed = new Promise<void>((resolve) => model.on('close', () => resolve()));
    model.on('blocked', (reason: string) => this.#setBlocked(reason));
    model.on('unblocked', () => this.#setBlocked(undefined));
    model.on('handler-error', (err: Error) => this.#log.error({ err }, 'a handler of the connection failed'));
    this.#model.set(model);
    await raceAbort(closed, this.#abandon.signal);
    this.#model.clear();
    this.#blocked = undefined;
    if (this.#stopping.signal.aborted) return;
    this.#given.tally({ what: 'broker-lost' });
    this.#log.warn({ reason: this.#problem }, 'lost the connection to RabbitMQ');
  }

  #setBlocked(reason: string | undefined): void {
    this.#blocked = reason;
    if (reason === undefined) this.#log.info({}, 'RabbitMQ takes messages again');
    else this.#log.warn({ reason }, 'RabbitMQ takes no messages at present');
  }

  #nextHost(): BrokerHost {
    const { hosts, options } = this.#given;
    const shuffle = options.kombuFailoverStrategy === 'shuffle';
    const index = shuffle ? Math.floor(Math.random() * hosts.length) : this.#attempts % hosts.length;
    this.#attempts += 1;
    const host = hosts[index];
    if (host === undefined) throw new Error('no host is configured');
    return host;
  }

  /** Nothing until every host has had its turn. */
  #pauseMs(failures: number): number {
    const { hosts, options } = this.#given;
    if (failures % hosts.length !== 0) return 0;
    const rounds = failures / hosts.length - 1;
    const pauseMs = options.rabbitRetryIntervalMs + rounds * options.rabbitRetryBackoffMs;
    // Up to a tenth less, so that the clients of one lost broker do not come back in step.
    return Math.min(options.rabbitIntervalMaxMs, pauseMs) * (1 - Math.random() / 10);
  }

  #reconnectDelayMs(): number {
    const { kombuReconnectDelayMs, kombuReconnectSplayMs } = this.#given.options;
    return kombuReconnectDelayMs + Math.random() * kombuReconnectSplayMs;
  }
}

/** Closing throws at once if the connection has closed meanwhile. */
async function closeQuietly(model: ChannelModel): Promise<void> {
  try {
    model.on('error', () => undefined);
    await model.close();
  } catch {
    // It has closed by itself, which is what was wanted.
  }
}

/** A socket that nobody answers on would keep the process alive. */
function destroySocket(model: ChannelModel): void {
  const { stream } = model.connection as { readonly stream?: unknown };
  if (stream instanceof Duplex) stream.destroy();
}
