import type { Channel, ChannelModel } from 'amqplib';
import { delay, raceAbort, sharedAbort, whenAborted } from '../../kernel/abort.ts';
import { Backoff } from '../../kernel/backoff.ts';
import { isErrno, messageOf, toError } from '../../kernel/errors.ts';
import type { Logger } from '../../log/logger.ts';
import { Latest } from '../latest.ts';
import type { RabbitConnection } from './rabbit-connection.ts';

/** A channel that is set up, and the signal that tells of its end. */
export interface OpenChannel<C> {
  readonly channel: C;
  readonly closed: AbortSignal;
}

export interface ChannelKeeperOptions<C extends Channel> {
  readonly connection: RabbitConnection;
  readonly log: Logger;
  open(model: ChannelModel): Promise<C>;
  /** Makes a new channel ready for use: declares, consumes. What it throws closes the channel and is tried again. */
  setUp(opened: OpenChannel<C>): Promise<void>;
}

/**
 * A channel that is opened and set up again whenever it has ended, whether the broker closed it (a queue deleted, a
 * declaration refused) or the connection went. Errors of a channel end nothing but that channel.
 */
export class ChannelKeeper<C extends Channel> {
  readonly #given: ChannelKeeperOptions<C>;
  readonly #stopping = new AbortController();
  readonly #opened = new Latest<OpenChannel<C>>();
  readonly #backoff = new Backoff({ initialMs: 200, maxMs: 10_000 });
  #running: Promise<void> | undefined;
  #problem = 'not open yet';

  constructor(given: ChannelKeeperOptions<C>) {
    this.#given = given;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** The channel if it is set up now. */
  get opened(): OpenChannel<C> | undefined {
    return this.#opened.value;
  }

  /** Why there is no channel. */
  get problem(): string {
    return this.#problem;
  }

  current(signal: AbortSignal): Promise<OpenChannel<C>> {
    return this.#opened.next(signal);
  }

  /** Closes the channel, after `last` was done on it if it is open. */
  async stop(last: (channel: C) => Promise<void> = () => Promise.resolve()): Promise<void> {
    const opened = this.#opened.value;
    this.#stopping.abort(new Error('channel stopped'));
    this.#opened.end(new Error('channel stopped'));
    if (opened !== undefined) {
      const closing = last(opened.channel).then(() => opened.channel.close());
      // If the connection ends first, so does the channel, without an answer.
      await Promise.race([closing, whenAborted(opened.closed)]).catch(() => undefined);
      closing.catch(() => undefined);
    }
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#live(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#problem = explain(error);
        this.#given.log.error({ err: toError(error) }, `channel to RabbitMQ: ${this.#problem}`);
      }
      await delay(this.#backoff.nextMs(), signal).catch(() => undefined);
    }
  }

  async #live(signal: AbortSignal): Promise<void> {
    const model = await this.#given.connection.current(signal);
    const channel = await this.#given.open(model);
    const opened = this.#watch(channel);
    try {
      await raceAbort(raceAbort(this.#given.setUp(opened), signal), opened.closed);
    } catch (error) {
      await closeQuietly(channel, opened.closed);
      throw error;
    }
    this.#backoff.reset();
    this.#opened.set(opened);
    await whenAborted(opened.closed);
    this.#opened.clear();
    this.#problem = explain(opened.closed.reason);
    if (!signal.aborted) this.#given.log.warn({ reason: this.#problem }, 'lost a channel to RabbitMQ');
  }

  #watch(channel: C): OpenChannel<C> {
    const ended = sharedAbort();
    // The error comes before the close, and says why.
    channel.on('error', (error) => ended.abort(error));
    channel.on('close', () => ended.abort(new Error('the channel was closed')));
    channel.on('handler-error', (err: Error) => this.#given.log.error({ err }, 'a handler of the channel failed'));
    return { channel, closed: ended.signal };
  }
}

/** Also where the channel or its connection has ended, or ends meanwhile. */
export async function closeQuietly(channel: Channel, closed: AbortSignal): Promise<void> {
  if (closed.aborted) return;
  try {
    await Promise.race([channel.close(), whenAborted(closed)]);
  } catch {
    // It has ended by itself.
  }
}

/** What the broker refused, with what an operator can do about it. */
function explain(error: unknown): string {
  const said = messageOf(error);
  if (error instanceof Error && 'code' in error) {
    if (error.code === 406) return `${said} (an existing queue has other flags: make the options alike, or delete it)`;
    if (error.code === 403) return `${said} (the account may not configure, write or read this; grant it)`;
    if (error.code === 541)
      return `${said} (RabbitMQ 4.3 refuses transient queues: set rabbit_quorum_queue and rabbit_transient_quorum_queue)`;
  }
  return isErrno(error, 'ECONNRESET') ? 'the connection was reset' : said;
}
