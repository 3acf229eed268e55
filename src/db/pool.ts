import knexModule, { type Knex } from 'knex';
import type { Dialect } from './dialect.ts';
import type { Driver } from './driver.ts';
import { databaseError, isLoss, type Stage } from './failure.ts';
import { mariadbDriver } from './mariadb/driver.ts';
import type { PoolOptions } from './pool-options.ts';
import { postgresDriver } from './postgres/driver.ts';
import type { Binding, Written } from './session.ts';

/** What is used of the connections that the options allow: more would only wait for each other in the server. */
const mostConnections = 20;

/** A connection of the pool, of the driver's make: looked at by the pool alone. */
export interface PooledConnection {
  __knex__disposed?: unknown;
}

/** The part of knex's client that hands out connections. */
interface ConnectionSource {
  acquireConnection(): Promise<PooledConnection>;
  releaseConnection(connection: PooledConnection): Promise<void>;
  /** What the driver knows without asking the server. */
  validateConnection(connection: PooledConnection): boolean;
}

const drivers: Readonly<Record<Dialect['name'], Driver>> = { postgres: postgresDriver, mariadb: mariadbDriver };

/** knex's pool, and one statement on one of its connections. */
export class Pool {
  readonly dialect: Dialect;
  readonly #driver: Driver;
  readonly #knex: Knex;
  readonly #timeoutMs: number;

  constructor(options: PoolOptions) {
    this.#driver = drivers[options.target.dialect];
    this.dialect = this.#driver.dialect;
    this.#knex = knexModule.knex(knexConfig(options, this.#driver));
    // Somewhat more than the server's own limit, whose answer says more than silence.
    this.#timeoutMs = Math.min(options.statementTimeoutMs + 5_000, options.target.readTimeoutMs ?? Infinity);
  }

  /** @throws DatabaseError with the outcome `not-started` */
  async acquire(): Promise<PooledConnection> {
    try {
      return await this.#source().acquireConnection();
    } catch (thrown) {
      throw databaseError(thrown, 'connect');
    }
  }

  async release(connection: PooledConnection): Promise<void> {
    await this.#source().releaseConnection(connection);
  }

  /** Never to be used again: the pool closes it instead of handing it out. */
  spoil(connection: PooledConnection, reason: unknown): void {
    connection.__knex__disposed ??= reason;
    this.#driver.abandon(connection);
  }

  /** @throws DatabaseError whose outcome follows from `stage` */
  async run<R>(
    connection: PooledConnection,
    stage: Stage,
    sql: string,
    bindings: readonly Binding[] = [],
  ): Promise<Written<R>> {
    // Known to be broken already: nothing is sent, so a commit has certainly not happened.
    const effective = this.#isBroken(connection) ? 'undone' : stage;
    try {
      const statement = this.#knex.raw(
        sql,
        bindings.map((binding) => this.#driver.storable(binding)) as Knex.RawBinding[],
      );
      const result: unknown = await statement.connection(connection).timeout(this.#timeoutMs);
      return this.#driver.written(result) as Written<R>;
    } catch (thrown) {
      const error = databaseError(thrown, effective);
      if (isLoss(error)) this.spoil(connection, error);
      throw error;
    }
  }

  async destroy(): Promise<void> {
    await this.#knex.destroy();
  }

  #isBroken(connection: PooledConnection): boolean {
    return connection.__knex__disposed !== undefined || !this.#source().validateConnection(connection);
  }

  #source(): ConnectionSource {
    return this.#knex.client as ConnectionSource;
  }
}

function knexConfig(options: PoolOptions, driver: Driver): Knex.Config {
  const kept = options.maxPoolSize === 0 ? mostConnections : options.maxPoolSize;
  const max = options.maxOverflow < 0 ? mostConnections : Math.min(mostConnections, kept + options.maxOverflow);
  const log = (text: unknown): void => options.log.debug({ knex: String(text) }, 'database driver');
  const config = driver.config(options);
  return {
    ...config,
    acquireConnectionTimeout: options.poolTimeoutMs,
    pool: {
      ...config.pool,
      min: 0,
      max: Math.max(1, max),
      idleTimeoutMillis: 60_000,
      createTimeoutMillis: options.target.connectTimeoutMs + 1_000,
      propagateCreateError: true,
      ...(options.recycleMs < 0 ? {} : { maxConnectionLifetimeMillis: options.recycleMs }),
    },
    log: { warn: log, error: log, deprecate: log, debug: log },
  } as Knex.Config;
}
