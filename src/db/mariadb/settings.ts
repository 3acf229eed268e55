import type { PoolOptions } from '../pool-options.ts';

/** Session variables that only some servers have: MariaDB, its Galera clusters, MySQL, each under its own name. */
export const settingNames = [
  'tx_isolation',
  'transaction_isolation',
  'max_statement_time',
  'idle_transaction_timeout',
  'wsrep_sync_wait',
] as const;

/**
 * What statements count on, whatever the server's defaults are. Modes: texts that do not fit are errors, `"name"` is an
 * identifier, `||` concatenates; backslashes stay escapes, on which the driver counts. With `wsrep_sync_wait` a node of a
 * Galera cluster first applies what any node has committed: who takes a lock over reads what its predecessor wrote.
 */
export function settingsSql(known: ReadonlySet<string>, options: PoolOptions): string {
  const all: Readonly<Record<(typeof settingNames)[number], string>> = {
    tx_isolation: `'READ-COMMITTED'`,
    transaction_isolation: `'READ-COMMITTED'`,
    max_statement_time: String(options.statementTimeoutMs / 1000),
    idle_transaction_timeout: String(Math.ceil(options.idleTransactionMs / 1000)),
    wsrep_sync_wait: String(waitForReads | options.wsrepSyncWait),
  };
  return [
    `set session sql_mode = 'TRADITIONAL,ANSI_QUOTES,PIPES_AS_CONCAT'`,
    `session time_zone = '+00:00'`,
    `session autocommit = 1`,
    ...settingNames.filter((name) => known.has(name)).map((name) => `session ${name} = ${all[name]}`),
  ].join(', ');
}

/** Reads and the start of a transaction (1), updates and deletes (2), inserts (4). */
const waitForReads = 7;
