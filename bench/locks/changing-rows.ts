import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { ChangesTask, MemberResult, Method } from './member-task.ts';

type Release = () => Promise<unknown>;
type TakeLock = (row: string) => Promise<{ release(): Promise<unknown> }>;
type Change = readonly [acquireMs: number, releaseMs: number];

/** The pause before a row that another worker has is looked at again: 5 to 15 ms. */
const retry = (): Promise<void> => sleep(5 + 10 * Math.random());

const claim = `UPDATE bench_rows SET status = 'deleting' WHERE id = $1 AND status = 'available'`;
const giveBack = `UPDATE bench_rows SET status = 'available' WHERE id = $1`;

/** Changes rows from available to deleting and back, by one of the study's methods. */
export class ChangingRows {
  readonly #task: ChangesTask;
  readonly #takeLock: TakeLock | undefined;
  readonly #db: pg.Pool;
  #untilMs = 0;

  constructor(task: ChangesTask, takeLock: TakeLock | undefined) {
    this.#task = task;
    this.#takeLock = takeLock;
    this.#db = new pg.Pool({ connectionString: task.databaseUrl, max: task.connections });
  }

  /** Makes the connections, which is no part of what is measured. */
  async open(): Promise<void> {
    const clients = await Promise.all(Array.from({ length: this.#task.connections }, () => this.#db.connect()));
    for (const client of clients) client.release();
  }

  async changeAll(): Promise<MemberResult['changes']> {
    this.#untilMs = performance.now() + this.#task.seconds * 1000;
    return (await Promise.all(this.#task.rows.map((row) => this.#work(row)))).flat();
  }

  close(): Promise<void> {
    return this.#db.end();
  }

  get #late(): boolean {
    return performance.now() > this.#untilMs;
  }

  async #work(row: string): Promise<readonly Change[]> {
    const done: Change[] = [];
    for (let i = 0; i < this.#task.changes && !this.#late; i += 1) {
      const change = await this.#change(row);
      if (change !== undefined) done.push(change);
    }
    return done;
  }

  /** Undefined if time was up before the row was ours. */
  async #change(row: string): Promise<Change | undefined> {
    const askedMs = performance.now();
    const release = await this.#acquire(row);
    if (release === undefined) return undefined;
    const hadMs = performance.now();
    await release();
    return [hadMs - askedMs, performance.now() - hadMs];
  }

  async #acquire(row: string): Promise<Release | undefined> {
    if (this.#task.method === 'lock, whole') return this.#whole(row);
    while (!(await this.#tries[this.#task.method](row))) {
      if (this.#late) return undefined;
      await retry();
    }
    return this.#task.method === 'lock, change'
      ? () => this.#locked(row, () => this.#db.query(giveBack, [row]))
      : () => this.#db.query(giveBack, [row]);
  }

  readonly #tries: Readonly<Record<Exclude<Method, 'lock, whole'>, (row: string) => Promise<boolean>>> = {
    'compare-and-set': async (row) => (await this.#db.query(claim, [row])).rowCount === 1,
    'select for update': (row) => this.#selectForUpdate(row),
    'lock, change': (row) => this.#locked(row, () => this.#lookAndClaim(row)),
  };

  async #whole(row: string): Promise<Release> {
    const lock = await this.#lock(row);
    if (!(await this.#lookAndClaim(row))) throw new Error(`two have the lock on ${row}`);
    return async () => {
      await this.#db.query(giveBack, [row]);
      await lock.release();
    };
  }

  async #selectForUpdate(row: string): Promise<boolean> {
    const client = await this.#db.connect();
    try {
      await client.query('BEGIN');
      const { rows } = await client.query('SELECT status FROM bench_rows WHERE id = $1 FOR UPDATE', [row]);
      const free = isAvailable(rows);
      if (free) await client.query(`UPDATE bench_rows SET status = 'deleting' WHERE id = $1`, [row]);
      await client.query(free ? 'COMMIT' : 'ROLLBACK');
      return free;
    } finally {
      client.release();
    }
  }

  /** Under the lock nobody else changes the row. */
  async #lookAndClaim(row: string): Promise<boolean> {
    const { rows } = await this.#db.query('SELECT status FROM bench_rows WHERE id = $1', [row]);
    if (!isAvailable(rows)) return false;
    await this.#db.query(`UPDATE bench_rows SET status = 'deleting' WHERE id = $1`, [row]);
    return true;
  }

  async #locked<T>(row: string, work: () => Promise<T>): Promise<T> {
    const lock = await this.#lock(row);
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }

  #lock(row: string): ReturnType<TakeLock> {
    if (this.#takeLock === undefined) throw new Error(`${this.#task.method} needs a lock service`);
    return this.#takeLock(row);
  }
}

const isAvailable = (rows: readonly unknown[]): boolean =>
  (rows[0] as { status?: unknown } | undefined)?.status === 'available';
