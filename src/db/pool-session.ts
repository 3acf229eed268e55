import { delay } from '../kernel/abort.ts';
import { Backoff } from '../kernel/backoff.ts';
import { toError } from '../kernel/errors.ts';
import { DatabaseError } from './database.ts';
import type { Dialect } from './dialect.ts';
import { isConflict, isHarmlessLoss } from './failure.ts';
import type { Pool, PooledConnection } from './pool.ts';
import type { Binding, Session, Written } from './session.ts';

export interface RetryOptions {
  /** Further tries of a deadlock's or conflict's victim; negative: for ever. */
  readonly maxRetries: number;
  readonly initialMs: number;
  readonly maxMs: number;
}

/**
 * Statements by themselves, and transactions, each on a connection of the pool. Conflicts are tried again with growing
 * waits; so is, once, what went down with a connection and is certain to have had no effect (a pool's connections are
 * all dead after the server's restart). What may have been committed is never tried again here.
 */
export class PoolSession implements Session {
  readonly dialect: Dialect;
  readonly inTransaction = false;
  readonly #pool: Pool;
  readonly #retry: RetryOptions;
  readonly #stopping: AbortSignal;
  readonly #observe: (error: DatabaseError | undefined) => void;

  /** @param observe told of each try's end: undefined for success */
  constructor(
    pool: Pool,
    retry: RetryOptions,
    stopping: AbortSignal,
    observe: (error: DatabaseError | undefined) => void,
  ) {
    this.dialect = pool.dialect;
    this.#pool = pool;
    this.#retry = retry;
    this.#stopping = stopping;
    this.#observe = observe;
  }

  async read<R>(sql: string, bindings?: readonly Binding[]): Promise<readonly R[]> {
    const { rows } = await this.#trying((connection) => this.#pool.run<R>(connection, 'undone', sql, bindings));
    return rows;
  }

  write<R = never>(sql: string, bindings?: readonly Binding[]): Promise<Written<R>> {
    return this.#trying((connection) => this.#pool.run<R>(connection, 'commit', sql, bindings));
  }

  atomically<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#trying((connection) => this.#transaction(connection, work));
  }

  async #transaction<T>(connection: PooledConnection, work: (session: Session) => Promise<T>): Promise<T> {
    await this.#pool.run(connection, 'undone', 'begin');
    const session = new TransactionSession(this.#pool, connection);
    let result: T;
    try {
      result = await work(session);
      session.assertWhole();
    } catch (error) {
      await this.#rollback(connection);
      throw error;
    }
    await this.#pool.run(connection, 'commit', 'commit');
    return result;
  }

  /** A connection whose transaction cannot be ended is closed, which ends it too. */
  async #rollback(connection: PooledConnection): Promise<void> {
    if (connection.__knex__disposed !== undefined) return;
    await this.#pool
      .run(connection, 'undone', 'rollback')
      .catch((error: unknown) => this.#pool.spoil(connection, error));
  }

  async #trying<T>(work: (connection: PooledConnection) => Promise<T>): Promise<T> {
    const backoff = new Backoff(this.#retry);
    let conflicts = 0;
    let losses = 0;
    for (;;) {
      const connection = await this.#acquire();
      try {
        const result = await work(connection);
        this.#observe(undefined);
        return result;
      } catch (error) {
        if (error instanceof DatabaseError) this.#observe(error);
        const again = isConflict(error) ? this.#mayRetry(conflicts++) : isHarmlessLoss(error) && losses++ === 0;
        if (!again) throw error;
      } finally {
        await this.#pool.release(connection);
      }
      await delay(backoff.nextMs(), this.#stopping);
    }
  }

  async #acquire(): Promise<PooledConnection> {
    this.#stopping.throwIfAborted();
    try {
      return await this.#pool.acquire();
    } catch (error) {
      if (error instanceof DatabaseError) this.#observe(error);
      throw error;
    }
  }

  #mayRetry(before: number): boolean {
    return this.#retry.maxRetries < 0 || before < this.#retry.maxRetries;
  }
}

/**
 * The statements of one transaction: none of them has an effect before the commit. After one that failed there is no
 * other, and no commit, even if `work` went on: MariaDB would keep what came before it, or, where it has undone a
 * deadlock's victim, what comes after it.
 */
class TransactionSession implements Session {
  readonly dialect: Dialect;
  readonly inTransaction = true;
  readonly #pool: Pool;
  readonly #connection: PooledConnection;
  #failure: Error | undefined;

  constructor(pool: Pool, connection: PooledConnection) {
    this.dialect = pool.dialect;
    this.#pool = pool;
    this.#connection = connection;
  }

  async read<R>(sql: string, bindings?: readonly Binding[]): Promise<readonly R[]> {
    return (await this.write<R>(sql, bindings)).rows;
  }

  async write<R = never>(sql: string, bindings?: readonly Binding[]): Promise<Written<R>> {
    this.assertWhole();
    try {
      return await this.#pool.run<R>(this.#connection, 'undone', sql, bindings);
    } catch (error) {
      this.#failure ??= toError(error);
      throw error;
    }
  }

  /** Throws what the first failed statement threw. */
  assertWhole(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  atomically<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return work(this);
  }
}
