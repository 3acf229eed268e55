import type pg from 'pg';

export interface SqlCount {
  /** Without the control of transactions. */
  readonly statements: number;
  /** BEGIN, COMMIT, ROLLBACK, SAVEPOINT, SET and the like. */
  readonly control: number;
}

/**
 * Counts a service's statements with pg_stat_statements. The service has an account of its own in the database, so that
 * what the measuring program asks is not counted.
 */
export class SqlCounter {
  readonly #db: pg.Pool;
  readonly #account: string;

  constructor(db: pg.Pool, account: string) {
    this.#db = db;
    this.#account = account;
  }

  async start(): Promise<void> {
    await this.#db.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  }

  async reset(): Promise<void> {
    await this.#db.query('SELECT pg_stat_statements_reset()');
  }

  /** The statements that were asked most since the last reset, as pg_stat_statements spells them. */
  async most(
    limit: number,
  ): Promise<readonly { readonly query: string; readonly calls: number; readonly ms: number }[]> {
    const { rows } = await this.#db.query<{ query: string; calls: string; ms: number }>(
      `SELECT query, calls, total_exec_time AS ms
         FROM pg_stat_statements s
         JOIN pg_roles r ON r.oid = s.userid AND r.rolname = $1
        WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND toplevel
        ORDER BY calls DESC LIMIT $2`,
      [this.#account, limit],
    );
    return rows.map(({ query, calls, ms }) => ({ query, calls: Number(calls), ms }));
  }

  /** Since the last reset. */
  async count(): Promise<SqlCount> {
    const { rows } = await this.#db.query<{ statements: string; control: string }>(
      `SELECT coalesce(sum(calls) FILTER (WHERE NOT control), 0) AS statements,
              coalesce(sum(calls) FILTER (WHERE control), 0) AS control
         FROM (SELECT calls, query ~* '^\\s*(begin|commit|rollback|savepoint|release|start|set|show)\\M' AS control
                 FROM pg_stat_statements s
                 JOIN pg_roles r ON r.oid = s.userid AND r.rolname = $1
                WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND toplevel) counted`,
      [this.#account],
    );
    return { statements: Number(rows[0]?.statements ?? 0), control: Number(rows[0]?.control ?? 0) };
  }
}
