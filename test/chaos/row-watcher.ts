import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

export type Goal = 'available' | 'gone';
export type End = { readonly status: string; readonly kind: 'reached' | 'failed' | 'timed out' };

const watchedTables = ['volumes', 'snapshots', 'group_snapshots'] as const;
export type WatchedTable = (typeof watchedTables)[number];

interface Waiting {
  readonly table: WatchedTable;
  readonly id: string;
  readonly goal: Goal;
  readonly deadlineMs: number;
  readonly end: (end: End) => void;
}

/** Waits for the ends of requests by looking at rows, also through a database that is away for a while. */
export class RowWatcher {
  readonly #pool: pg.Pool;
  readonly #waiting = new Set<Waiting>();
  #looking: Promise<void> | undefined;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  until(table: Waiting['table'], id: string, goal: Goal, timeoutMs: number): Promise<End> {
    return new Promise((resolve) => {
      this.#waiting.add({ table, id, goal, deadlineMs: performance.now() + timeoutMs, end: resolve });
      this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    });
  }

  async #look(): Promise<void> {
    while (this.#waiting.size > 0) {
      for (const table of watchedTables) {
        const waiting = [...this.#waiting].filter((one) => one.table === table);
        if (waiting.length === 0) continue;
        const found = await this.#statuses(
          table,
          waiting.map(({ id }) => id),
        ).catch(() => undefined);
        for (const one of waiting) this.#endOf(one, found === undefined ? 'not known' : (found.get(one.id) ?? 'gone'));
      }
      await sleep(60);
    }
  }

  #endOf(one: Waiting, status: string): void {
    const kind = kindOf(one.goal, status, performance.now() > one.deadlineMs);
    if (kind === undefined) return;
    this.#waiting.delete(one);
    one.end({ kind, status });
  }

  async #statuses(table: Waiting['table'], ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const { rows } = await this.#pool.query<{ id: string; status: string }>(
      `select id, coalesce(status, 'without status') as status from ${table} where id = any($1) and not deleted`,
      [ids],
    );
    return new Map(rows.map(({ id, status }) => [id, status]));
  }
}

function kindOf(goal: Goal, status: string, late: boolean): End['kind'] | undefined {
  if (status === goal) return 'reached';
  if (status === 'gone' || status.startsWith('error')) return 'failed';
  // A deletion that was refused puts the row back.
  if (goal === 'gone' && status === 'available') return 'failed';
  return late ? 'timed out' : undefined;
}
