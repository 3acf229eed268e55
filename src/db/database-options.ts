import { silentLogger, type Logger } from '../log/logger.ts';

/** What counts, and the limits of whoever has none of his own: upstream's options of these names. */
export interface QuotaRules {
  readonly noSnapshotGbQuota: boolean;
  /** Whether the limits of the class `default`, which the database has, go before `limits`. */
  readonly useDefaultQuotaClass: boolean;
  /** By resource, of those that are charged here; below zero: none. */
  readonly limits: Readonly<Record<string, number>>;
}

/** Times in milliseconds. What is left out has oslo.db's default. */
export interface DatabaseOptions {
  /** `[database] connection`: SQLAlchemy's URL. */
  readonly url: string;
  /** Schema of our own tables; null: beside Cinder's. */
  readonly schema?: string | null;
  readonly maxPoolSize?: number;
  readonly maxOverflow?: number;
  /** Negative: connections are never replaced. */
  readonly recycleMs?: number;
  readonly poolTimeoutMs?: number;
  /** How often connecting is tried again at the start; negative: for ever. */
  readonly maxRetries?: number;
  readonly retryIntervalMs?: number;
  /** How often a transaction that lost a deadlock or a conflict is tried again; negative: for ever. */
  readonly conflictRetries?: number;
  readonly conflictRetryMaxMs?: number;
  readonly statementTimeoutMs?: number;
  /** How long a transaction may lie idle (its process is frozen) before the server undoes it. */
  readonly idleTransactionMs?: number;
  /** What a node of a Galera cluster waits for beside what reads need (bits of `wsrep_sync_wait`). */
  readonly wsrepSyncWait?: number;
  readonly quota?: QuotaRules;
  /** False: the start neither makes our own tables nor asks whether Cinder's are there. */
  readonly prepareSchema?: boolean;
  readonly log?: Logger;
}

export type CompiledDatabaseOptions = Required<DatabaseOptions>;

/** oslo.db's defaults, and ours where it has none. */
export const databaseDefaults = {
  schema: null,
  maxPoolSize: 5,
  maxOverflow: 50,
  recycleMs: 3_600_000,
  poolTimeoutMs: 30_000,
  maxRetries: 10,
  retryIntervalMs: 10_000,
  conflictRetries: 20,
  conflictRetryMaxMs: 2_000,
  statementTimeoutMs: 60_000,
  idleTransactionMs: 10_000,
  wsrepSyncWait: 0,
  quota: {
    noSnapshotGbQuota: false,
    useDefaultQuotaClass: true,
    limits: { gigabytes: 1000, per_volume_gigabytes: -1 },
  },
  prepareSchema: true,
  log: silentLogger,
};
