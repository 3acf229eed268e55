import { Redis } from 'ioredis';
import { withTimeout } from '../../kernel/abort.ts';
import { Backoff } from '../../kernel/backoff.ts';
import type { Health } from '../../kernel/component.ts';
import { messageOf } from '../../kernel/errors.ts';
import type { Logger } from '../../log/logger.ts';
import type { RedisSpec } from '../backend-spec.ts';
import { CoordinationError } from '../coordinator.ts';
import { AnswerWatch } from './redis-answer-watch.ts';
import type { RedisScript } from './redis-scripts.ts';
import { ServingGate } from './serving-gate.ts';
import { readTlsFiles } from './tls-files.ts';

/** Replies that say that we, not the server or the network, are the problem. */
const refusals = /^(NOAUTH|WRONGPASS|NOPERM|ERR invalid password|ERR DB index|ERR invalid DB|ERR unknown command)/;

/** Redis grew atomic scripts and PEXPIRE in this release; Tooz asks for it too. */
const oldestVersion = [2, 6] as const;

/**
 * One connection to the Redis that is the master now, rebuilt for ever when it breaks. Nothing is queued or sent twice
 * behind our back: a command either goes out now, once, or fails, because a SET that ioredis repeated after a
 * failover would be a lock that nobody knows of.
 */
export class RedisConnection {
  readonly #spec: RedisSpec;
  readonly #log: Logger;
  readonly #use: string;
  readonly #client: Redis;
  /** Open while the connection is checked and usable. */
  readonly #gate = new ServingGate('Redis');
  readonly #answers: AnswerWatch;
  /** Ends a start at once when the server refuses us: waiting does not mend that. */
  #refused: ((error: Error) => void) | undefined;
  #expectation: NodeJS.Timeout | undefined;

  /** @param use as operators read it in the log: a replica has several connections */
  constructor(spec: RedisSpec, log: Logger, use: string) {
    this.#spec = spec;
    this.#log = log;
    this.#use = use;
    this.#client = openRedis(spec);
    // A half-open connection looks healthy to TCP; only a new one can be trusted again.
    const silent = `no answer within ${spec.commandTimeoutMs} ms`;
    this.#answers = new AnswerWatch(spec.commandTimeoutMs, () => this.#cut(silent));
    this.#client.on('connect', () => this.#expectReady());
    this.#client.on('ready', () => void this.#check());
    this.#client.on('error', (error: unknown) => this.#broken(messageOf(error)));
    this.#client.on('close', () => this.#broken(this.#gate.problem ?? 'the connection was closed'));
  }

  /** Connects, for as long as it takes. */
  open(): void {
    this.#client.connect().catch(() => undefined);
  }

  /** Resolves when the server has answered; rejects with `CoordinationError` if it refuses us or does not in time. */
  async start(signal: AbortSignal): Promise<void> {
    this.open();
    try {
      const refused = new Promise<never>((_, reject) => (this.#refused = reject));
      const ready = Promise.race([this.whenReady(signal), refused]);
      await withTimeout('connecting', this.#spec.connectTimeoutMs, ready);
    } catch (error) {
      const why = this.#gate.problem ?? messageOf(error);
      this.close();
      if (signal.aborted) throw error;
      throw new CoordinationError(`no Redis at ${describe(this.#spec)}: ${why}`, { cause: error });
    }
  }

  whenReady(signal: AbortSignal): Promise<void> {
    return this.#gate.whenOpen(signal);
  }

  /**
   * Sends one script, now. Rejects with `CoordinationError` if the server refuses us for good; any other error says
   * that the script may or may not have run. A server that does not answer in time loses its connection.
   */
  run({ sha, text }: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<number> {
    return this.#ask(() => {
      const answer = this.#client.evalsha(sha, keys.length, ...keys, ...args) as Promise<number>;
      return answer.catch((error: unknown) => {
        if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
        // It has not run: this server does not know it, or forgot it when it was restarted.
        return this.#client.eval(text, keys.length, ...keys, ...args) as Promise<number>;
      });
    });
  }

  async ping(): Promise<void> {
    await this.#ask(() => this.#client.ping());
  }

  /** Every key that matches the glob pattern, read in steps that do not block the server. */
  async scan(pattern: string): Promise<readonly string[]> {
    const found = new Set<string>();
    let cursor = '0';
    do {
      const [next, keys] = await this.#ask(() => this.#client.scan(cursor, 'MATCH', pattern, 'COUNT', 500));
      for (const key of keys) found.add(key);
      cursor = next;
    } while (cursor !== '0');
    return [...found];
  }

  async get(key: string): Promise<string | null> {
    return this.#ask(() => this.#client.get(key));
  }

  health(): Health {
    return this.#gate.health();
  }

  close(): void {
    clearTimeout(this.#expectation);
    this.#answers.stop();
    this.#client.disconnect();
    this.#gate.shut('closed');
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    this.#answers.asked();
    try {
      return await call();
    } catch (error) {
      if (refusals.test(messageOf(error))) throw new CoordinationError(`Redis refuses us: ${messageOf(error)}`);
      throw error;
    } finally {
      this.#answers.answered();
    }
  }

  /** ioredis waits for ever for the first answers on a connection that TCP says is there. */
  #expectReady(): void {
    clearTimeout(this.#expectation);
    this.#expectation = setTimeout(() => {
      if (this.#gate.problem !== undefined) this.#cut('the server takes connections and does not answer');
    }, 2 * this.#spec.commandTimeoutMs);
  }

  #cut(why: string): void {
    this.#broken(why);
    this.#client.disconnect(true);
    this.#client.stream?.destroy();
  }

  /** ioredis goes on in database 0 when SELECT fails, where no peer would see our locks: so it is asked again. */
  async #check(): Promise<void> {
    try {
      if (this.#spec.db !== 0) await this.#ask(() => this.#client.select(this.#spec.db));
      const version = /redis_version:(\d+)\.(\d+)/.exec(await this.#ask(() => this.#client.info('server')));
      if (version !== null && isOlder([Number(version[1]), Number(version[2])])) {
        throw new CoordinationError(`Redis ${oldestVersion.join('.')} or later is needed`);
      }
    } catch (error) {
      this.#broken(messageOf(error));
      this.#client.disconnect(true);
      return;
    }
    clearTimeout(this.#expectation);
    if (this.#gate.open()) this.#log.info({ use: this.#use }, `connected to Redis at ${describe(this.#spec)}`);
  }

  #broken(why: string): void {
    if (this.#gate.shut(why)) this.#log.warn({ why, use: this.#use }, 'the connection to Redis is gone');
    if (refusals.test(why)) this.#refused?.(new Error(why));
  }
}

function isOlder([major, minor]: readonly [number, number]): boolean {
  const [oldestMajor, oldestMinor] = oldestVersion;
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

/** Without credentials, for messages. */
function describe({ address }: RedisSpec): string {
  switch (address.type) {
    case 'tcp':
      return `${address.host}:${address.port}`;
    case 'unix':
      return address.path;
    case 'sentinel':
      return `"${address.master}" of ${address.sentinels.map(({ host, port }) => `${host}:${port}`).join(', ')}`;
  }
}

/** A client that connects when it is told to, and for ever after that. */
export const openRedis = (spec: RedisSpec): Redis => new Redis(redisOptions(spec));

function redisOptions(spec: RedisSpec) {
  const backoff = new Backoff(spec.reconnect);
  const tls = spec.tls === undefined ? undefined : readTlsFiles(spec.tls);
  return {
    ...addressOptions(spec),
    ...(spec.username === undefined ? {} : { username: spec.username }),
    ...(spec.password === undefined ? {} : { password: spec.password }),
    ...(tls === undefined ? {} : { tls }),
    db: spec.db,
    lazyConnect: true,
    protocol: 2 as const,
    connectionName: 'cinder-volume-aa',
    connectTimeout: spec.connectTimeoutMs,
    keepAlive: spec.keepAlive ? 1 : 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // RedisCalls does that. If the connection breaks again meanwhile, nobody catches what ioredis's own attempt throws.
    autoResubscribe: false,
    retryStrategy: (times: number) => {
      if (times === 1) backoff.reset();
      return backoff.nextMs();
    },
    // After a failover the old master answers as a replica: look for the new one.
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? (1 as const) : false),
  };
}

function addressOptions({ address, reconnect, connectTimeoutMs }: RedisSpec) {
  switch (address.type) {
    case 'tcp':
      return { host: address.host, port: address.port };
    case 'unix':
      return { path: address.path };
    case 'sentinel':
      return {
        sentinels: [...address.sentinels],
        name: address.master,
        sentinelCommandTimeout: connectTimeoutMs,
        sentinelRetryStrategy: () => reconnect.initialMs,
        ...(address.username === undefined ? {} : { sentinelUsername: address.username }),
        ...(address.password === undefined ? {} : { sentinelPassword: address.password }),
        ...(address.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
      };
  }
}
