import { setMaxListeners } from 'node:events';
import { delay } from '../kernel/abort.ts';
import type { Health } from '../kernel/component.ts';
import { messageOf } from '../kernel/errors.ts';
import { DatabaseError, type Database, type Repositories } from './database.ts';
import type { Timestamp } from '../domain/rows.ts';
import type { ConnectionTarget } from './connection-target.ts';
import type { CompiledDatabaseOptions } from './database-options.ts';
import type { OwnNames } from './own-names.ts';
import { PoolSession } from './pool-session.ts';
import { Pool } from './pool.ts';
import { createRepositories } from './repositories/create-repositories.ts';
import { prepareSchema } from './schema.ts';
import type { Session } from './session.ts';

/** `Database` over a pool of connections. */
export class PoolDatabase implements Database {
  readonly name = 'database';
  readonly #options: CompiledDatabaseOptions;
  readonly #names: OwnNames;
  readonly #pool: Pool;
  readonly #session: PoolSession;
  readonly #repositories: Repositories;
  readonly #stopping = new AbortController();
  #lastError: string | undefined = 'not started';

  constructor(options: CompiledDatabaseOptions, target: ConnectionTarget, names: OwnNames) {
    this.#options = options;
    // Each transaction that waits to be tried again listens.
    setMaxListeners(0, this.#stopping.signal);
    this.#names = names;
    this.#pool = new Pool({ ...options, target });
    const retry = { maxRetries: options.conflictRetries, initialMs: 20, maxMs: options.conflictRetryMaxMs };
    this.#session = new PoolSession(this.#pool, retry, this.#stopping.signal, (error) => this.#observe(error));
    this.#repositories = this.#on(this.#session);
  }

  /** Waits for the server, then makes our own tables if they are missing and looks for Cinder's. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#untilAnswers(signal);
    if (this.#options.prepareSchema) await prepareSchema(this.#session, this.#names, this.#options.schema);
  }

  /** Closes the connections; statements under way are given a moment, those that wait for a connection fail. */
  async stop({ force }: { force: AbortSignal }): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#lastError = 'stopped';
    this.#stopping.abort(new DatabaseError('the database is being stopped', { outcome: 'not-started' }));
    const closed = this.#pool.destroy();
    const forced = new AbortController();
    await Promise.race([closed, forceOf(force, forced.signal)]).finally(() => forced.abort());
    closed.catch(() => undefined);
  }

  /** By the last statement's end; whoever must know more exactly runs one. */
  health(): Health {
    return this.#lastError === undefined ? { ok: true } : { ok: false, detail: this.#lastError };
  }

  transaction<T>(work: (statements: Repositories) => Promise<T>): Promise<T> {
    return this.#session.atomically((session) => work(this.#on(session)));
  }

  async time(): Promise<Timestamp> {
    const [row] = await this.#session.read<{ now: Timestamp }>(`select ${this.#pool.dialect.now} as now`);
    if (row === undefined) throw new DatabaseError('the database gave no time', { outcome: 'not-started' });
    return row.now;
  }

  get journal(): Repositories['journal'] {
    return this.#repositories.journal;
  }
  get fence(): Repositories['fence'] {
    return this.#repositories.fence;
  }
  get outbox(): Repositories['outbox'] {
    return this.#repositories.outbox;
  }
  get incarnations(): Repositories['incarnations'] {
    return this.#repositories.incarnations;
  }
  get volumes(): Repositories['volumes'] {
    return this.#repositories.volumes;
  }
  get snapshots(): Repositories['snapshots'] {
    return this.#repositories.snapshots;
  }
  get volumeTypes(): Repositories['volumeTypes'] {
    return this.#repositories.volumeTypes;
  }
  get attachments(): Repositories['attachments'] {
    return this.#repositories.attachments;
  }
  get backups(): Repositories['backups'] {
    return this.#repositories.backups;
  }
  get imageCache(): Repositories['imageCache'] {
    return this.#repositories.imageCache;
  }

  get glanceMetadata(): Repositories['glanceMetadata'] {
    return this.#repositories.glanceMetadata;
  }
  get groups(): Repositories['groups'] {
    return this.#repositories.groups;
  }
  get groupSnapshots(): Repositories['groupSnapshots'] {
    return this.#repositories.groupSnapshots;
  }
  get quotas(): Repositories['quotas'] {
    return this.#repositories.quotas;
  }
  get workers(): Repositories['workers'] {
    return this.#repositories.workers;
  }
  get messages(): Repositories['messages'] {
    return this.#repositories.messages;
  }
  get services(): Repositories['services'] {
    return this.#repositories.services;
  }
  get clusters(): Repositories['clusters'] {
    return this.#repositories.clusters;
  }

  #on(session: Session): Repositories {
    return createRepositories(session, { names: this.#names, quota: this.#options.quota });
  }

  /** Only what says that the server is away; a statement that it refused shows that it is there. */
  #observe(error: DatabaseError | undefined): void {
    if (this.#stopping.signal.aborted) return;
    if (error === undefined || error.answer === undefined) this.#lastError = error?.message;
  }

  async #untilAnswers(signal: AbortSignal): Promise<void> {
    const { maxRetries, retryIntervalMs, log } = this.#options;
    for (let tried = 0; ; tried++) {
      signal.throwIfAborted();
      try {
        await this.#session.read('select 1');
        return;
      } catch (error) {
        if (maxRetries >= 0 && tried >= maxRetries) throw error;
        log.warn({ err: error, tried: tried + 1, retryIntervalMs }, `no database yet: ${messageOf(error)}`);
      }
      await delay(retryIntervalMs, signal);
    }
  }
}

/** Resolves some moments after `force`, or when it is not wanted any more. */
async function forceOf(force: AbortSignal, unwanted: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    if (force.aborted) return resolve();
    force.addEventListener('abort', () => resolve(), { once: true, signal: unwanted });
    unwanted.addEventListener('abort', () => resolve(), { once: true });
  });
  await delay(500, unwanted).catch(() => undefined);
}
