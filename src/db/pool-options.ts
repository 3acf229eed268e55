import type { Logger } from '../log/logger.ts';
import type { ConnectionTarget } from './connection-target.ts';

export interface PoolOptions {
  readonly target: ConnectionTarget;
  /** Connections that are kept; 0: as many as there are. */
  readonly maxPoolSize: number;
  /** Connections beyond; -1: no limit. */
  readonly maxOverflow: number;
  /** Age at which a connection is replaced; negative: never. */
  readonly recycleMs: number;
  /** How long to wait for a free connection. */
  readonly poolTimeoutMs: number;
  /** How long one statement may take before it is given up and its connection closed. */
  readonly statementTimeoutMs: number;
  /** After this long without a statement the server undoes a transaction: a frozen replica blocks nobody for longer. */
  readonly idleTransactionMs: number;
  /** More reasons to wait than reads need, as Galera's `wsrep_sync_wait` numbers them. */
  readonly wsrepSyncWait: number;
  readonly log: Logger;
}
