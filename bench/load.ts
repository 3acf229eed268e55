import amqp from 'amqplib';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Prepared } from './requests.ts';

export interface LoadResult {
  readonly done: number;
  readonly failed: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** From the message's sending until the row was seen as asked for. */
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** How often the rows are looked at: the grain of every latency. */
const lookEveryMs = 10;
const giveUpMs = 600_000;

/** Sends prepared requests, never more than `inFlight` at a time, and watches their rows. */
export class Load {
  readonly #db: pg.Pool;
  readonly #channel: amqp.ConfirmChannel;
  readonly #connection: amqp.ChannelModel;
  readonly #exchange: string;
  #unroutable = 0;

  private constructor(db: pg.Pool, connection: amqp.ChannelModel, channel: amqp.ConfirmChannel, exchange: string) {
    this.#db = db;
    this.#connection = connection;
    this.#channel = channel;
    this.#exchange = exchange;
    channel.on('return', () => (this.#unroutable += 1));
    // Without a listener a broker that goes would end the process before the reason of it all has been told.
    connection.on('error', (error: Error) => console.error(`the load's connection: ${error.message}`));
  }

  static async connect(db: pg.Pool, url: string, exchange: string): Promise<Load> {
    const connection = await amqp.connect(url);
    return new Load(db, connection, await connection.createConfirmChannel(), exchange);
  }

  /**
   * Waits for a consumer of the queue: Python's service reports itself before it has any.
   *
   * @throws Error after ten seconds
   */
  async untilConsumed(queue: string): Promise<void> {
    const deadline = performance.now() + 10_000;
    while ((await this.#consumers(queue)) === 0) {
      if (performance.now() > deadline) throw new Error(`nobody consumes from ${queue}`);
      await sleep(lookEveryMs);
    }
  }

  /** A channel of its own: asking for a queue that is not there closes it. */
  async #consumers(queue: string): Promise<number> {
    const channel = await this.#connection.createChannel();
    channel.on('error', () => undefined);
    try {
      const { consumerCount } = await channel.checkQueue(queue);
      await channel.close();
      return consumerCount;
    } catch {
      return 0;
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** @throws Error if nothing ends for ten minutes, or a message has no queue */
  async run(requests: readonly Prepared[], inFlight: number): Promise<LoadResult> {
    const waiting = [...requests];
    const sentAt = new Map<string, number>();
    const latencies: number[] = [];
    let failed = 0;
    const start = performance.now();
    let lastEnd = start;
    while (waiting.length > 0 || sentAt.size > 0) {
      while (sentAt.size < inFlight) {
        const next = waiting.shift();
        if (next === undefined) break;
        sentAt.set(next.id, performance.now());
        this.#send(next);
      }
      const lookAt = performance.now();
      for (const { id, outcome } of await this.#look(requests[0], [...sentAt.keys()])) {
        const since = sentAt.get(id) ?? 0;
        sentAt.delete(id);
        lastEnd = performance.now();
        if (outcome === 'done') latencies.push(lastEnd - since);
        else failed += 1;
      }
      if (this.#unroutable > 0) throw new Error(`${this.#unroutable} messages have no queue`);
      if (performance.now() - lastEnd > giveUpMs)
        throw new Error(`${sentAt.size} requests never end: ${[...sentAt.keys()][0] ?? ''}`);
      await sleep(Math.max(1, lookEveryMs - (performance.now() - lookAt)));
    }
    return summary(latencies, failed, (lastEnd - start) / 1000);
  }

  #send({ body, routingKey }: Prepared): void {
    this.#channel.publish(this.#exchange, routingKey, body, {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      persistent: true,
      priority: 0,
      headers: {},
      mandatory: true,
    });
  }

  async #look(kind: Prepared | undefined, ids: readonly string[]) {
    if (kind === undefined) return [];
    const { rows } = await this.#db.query<{ id: string; status: string | null }>(
      `SELECT id, status FROM ${kind.table} WHERE id = ANY($1) AND NOT deleted`,
      [ids],
    );
    const statuses = new Map(rows.map(({ id, status }) => [id, status ?? '']));
    return ids.flatMap((id) => {
      const outcome = outcomeOf(kind.goal, statuses.get(id));
      return outcome === undefined ? [] : [{ id, outcome }];
    });
  }
}

function outcomeOf(goal: Prepared['goal'], status: string | undefined): 'done' | 'failed' | undefined {
  if (status === (goal === 'gone' ? undefined : goal)) return 'done';
  return status === undefined || status === 'available' || status.startsWith('error') ? 'failed' : undefined;
}

function summary(latencies: number[], failed: number, seconds: number): LoadResult {
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.max(0, Math.ceil(share * latencies.length) - 1)] ?? 0;
  return {
    done: latencies.length,
    failed,
    seconds,
    perSecond: latencies.length / seconds,
    medianMs: at(0.5),
    p99Ms: at(0.99),
  };
}
