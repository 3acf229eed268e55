import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const writers = 50;
/** Between two writes of one writer: all together they write 250 times a second where the database keeps up. */
const pauseMs = 200;

/** The background writers: each changes a row of its own, for as long as the study lasts. */
export class Noise {
  readonly #db: pg.Pool;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  private constructor(db: pg.Pool) {
    this.#db = db;
  }

  static async start(databaseUrl: string): Promise<Noise> {
    const noise = new Noise(new pg.Pool({ connectionString: databaseUrl, max: 10 }));
    await noise.#db.query('CREATE TABLE bench_noise (id integer PRIMARY KEY, n bigint NOT NULL)');
    await noise.#db.query(`INSERT INTO bench_noise SELECT n, 0 FROM generate_series(1, ${writers}) n`);
    noise.#running = Promise.all(Array.from({ length: writers }, (_, index) => noise.#write(index + 1)));
    return noise;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#db.end();
  }

  async #write(id: number): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#db.query('UPDATE bench_noise SET n = n + 1 WHERE id = $1', [id]);
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  }
}
