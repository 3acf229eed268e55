import type { Redis } from 'ioredis';
import { raceAbort, withTimeout } from '../../kernel/abort.ts';
import { messageOf } from '../../kernel/errors.ts';
import type { Logger } from '../../log/logger.ts';

export interface RedisCallsOptions {
  /** Makes a connection of its own, which reconnects by itself: one that listens can do nothing else. */
  readonly connect: () => Redis;
  readonly channel: string;
  readonly answerWithinMs: number;
  readonly log: Logger;
}

/**
 * Hears that the lock on which one of our waiters is the first has been given back. Calls may be lost (published to
 * nobody while we reconnect): who waits must also ask from time to time. The connection is made when somebody waits for
 * the first time.
 */
export class RedisCalls {
  readonly #options: RedisCallsOptions;
  readonly #waiters = new Map<string, (roomMs: number) => void>();
  #client: Redis | undefined;

  constructor(options: RedisCallsOptions) {
    this.#options = options;
  }

  /** What is called to `who` from now on. */
  listen(who: string): RedisCall {
    this.#client ??= this.#open();
    const call = new RedisCall(() => this.#waiters.delete(who));
    this.#waiters.set(who, (roomMs) => call.come(roomMs));
    return call;
  }

  /** A connection that has died silently would make waits slow for ever. */
  async check(): Promise<void> {
    const client = this.#client;
    if (client?.status !== 'ready') return;
    try {
      await withTimeout('Redis, PING', this.#options.answerWithinMs, client.ping());
    } catch {
      client.disconnect(true);
      client.stream?.destroy();
    }
  }

  close(): void {
    this.#client?.disconnect();
  }

  #open(): Redis {
    const { connect, channel, log } = this.#options;
    const client = connect();
    const subscribe = (): void => {
      client.subscribe(channel).catch((error: unknown) => {
        log.debug({ why: messageOf(error) }, 'Redis does not call waiters: they ask instead');
      });
    };
    client.on('ready', subscribe);
    client.on('message', (_, text) => this.#hear(text));
    // The connection that takes the locks tells of what is wrong with the server.
    client.on('error', () => undefined);
    client.connect().catch(() => undefined);
    return client;
  }

  #hear(text: string): void {
    const [who = '', room] = text.split(' ');
    this.#waiters.get(who)?.(Number(room));
  }
}

/** One waiter's ear. */
export class RedisCall {
  readonly #end: () => void;
  #roomMs: number | undefined;
  #wake: () => void = () => undefined;

  constructor(end: () => void) {
    this.#end = end;
  }

  come(roomMs: number): void {
    this.#roomMs = roomMs;
    this.#wake();
  }

  /** What was called until now will be asked about. */
  forget(): void {
    this.#roomMs = undefined;
  }

  /** The room to leave before the lock is taken, once it is called; undefined after `mostMs` without a call. */
  async within(mostMs: number, signal: AbortSignal): Promise<number | undefined> {
    const called = new Promise<void>((resolve) => (this.#wake = resolve));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, mostMs)));
    try {
      if (this.#roomMs === undefined) await raceAbort(Promise.race([called, late]), signal);
    } finally {
      clearTimeout(timer);
    }
    return this.#roomMs;
  }

  end(): void {
    this.#end();
  }
}
