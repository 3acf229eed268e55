/*
 * A message broker of one process, for development and tests: exchanges, queues, competing consumers and un-acked
 * messages behave as RabbitMQ's do where oslo.messaging relies on it. Nothing is kept on disk.
 */

export interface HubMessage {
  readonly body: string;
  readonly expirationMs: number | null;
}

/** A message that was handed out and is owed an answer. */
export interface HubDelivery extends HubMessage {
  readonly queue: string;
  readonly redelivered: boolean;
}

/** One reader of one queue. */
export interface HubConsumer {
  readonly prefetch: number;
  deliver(delivery: HubDelivery, tag: number): void;
}

interface Waiting extends HubMessage {
  readonly redelivered: boolean;
  /** On `performance.now`'s clock. */
  readonly expiresAt: number;
}

interface Reader extends HubConsumer {
  readonly unacked: Map<number, Waiting>;
}

interface Queue {
  readonly waiting: Waiting[];
  /** The first is served next. */
  readonly readers: Reader[];
  readonly idleMs: number;
  idle: NodeJS.Timeout | undefined;
}

/** What a reader holds: its answers and its end. */
export interface HubSubscription {
  ack(tag: number): void;
  /** Puts the message back in front, or drops it. */
  reject(tag: number, requeue: boolean): void;
  /** No more deliveries; answers are still taken. */
  cancel(): void;
  /** Also puts everything un-acked back, in its old order. */
  close(): void;
}

export class Hub {
  readonly #queues = new Map<string, Queue>();
  /** Exchange → binding key → queues. A fanout ignores keys. */
  readonly #bindings = new Map<string, Map<string, Set<string>>>();
  #lastTag = 0;

  /** @param idleMs the queue is removed when it had no reader for so long; 0: never */
  declare(name: string, idleMs = 0): void {
    if (this.#queues.has(name)) return;
    this.#queues.set(name, { waiting: [], readers: [], idleMs, idle: undefined });
    this.#watchIdle(name);
  }

  bind(name: string, exchange: string, key: string): void {
    const keys = this.#bindings.get(exchange) ?? new Map<string, Set<string>>();
    this.#bindings.set(exchange, keys.set(key, (keys.get(key) ?? new Set<string>()).add(name)));
  }

  remove(name: string): void {
    clearTimeout(this.#queues.get(name)?.idle);
    this.#queues.delete(name);
    for (const keys of this.#bindings.values()) for (const bound of keys.values()) bound.delete(name);
  }

  /** The number of queues that took it. */
  publish(to: { exchange: string; key: string; fanout: boolean }, message: HubMessage): number {
    const names = [...new Set(this.#route(to))].filter((name) => this.#queues.has(name));
    const expiresAt = performance.now() + (message.expirationMs ?? Infinity);
    for (const name of names) {
      this.#queues.get(name)?.waiting.push({ ...message, redelivered: false, expiresAt });
      this.#serve(name);
    }
    return names.length;
  }

  /** Throws for a queue that was not declared. */
  consume(name: string, consumer: HubConsumer): HubSubscription {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw new Error(`no queue ${name}`);
    const reader: Reader = {
      prefetch: consumer.prefetch,
      deliver: (delivery, tag) => consumer.deliver(delivery, tag),
      unacked: new Map(),
    };
    clearTimeout(queue.idle);
    queue.readers.push(reader);
    this.#serve(name);
    return this.#subscription(name, reader);
  }

  /** How many messages wait in each queue, for tests and people. */
  depths(): ReadonlyMap<string, number> {
    return new Map([...this.#queues].map(([name, queue]) => [name, queue.waiting.length]));
  }

  #subscription(name: string, reader: Reader): HubSubscription {
    const cancel = (): void => {
      const readers = this.#queues.get(name)?.readers ?? [];
      if (readers.includes(reader)) readers.splice(readers.indexOf(reader), 1);
      this.#watchIdle(name);
    };
    return {
      ack: (tag) => {
        if (reader.unacked.delete(tag)) this.#serve(name);
      },
      reject: (tag, requeue) => this.#reject(name, reader, [tag], requeue),
      cancel,
      close: () => {
        cancel();
        this.#reject(name, reader, [...reader.unacked.keys()], true);
      },
    };
  }

  #reject(name: string, reader: Reader, tags: readonly number[], requeue: boolean): void {
    const back: Waiting[] = [];
    for (const tag of tags) {
      const message = reader.unacked.get(tag);
      if (message === undefined) continue;
      reader.unacked.delete(tag);
      back.push({ ...message, redelivered: true });
    }
    if (requeue) this.#queues.get(name)?.waiting.unshift(...back);
    // Not within the call: a reader that always requeues would otherwise never let go.
    setImmediate(() => this.#serve(name));
  }

  #route({ exchange, key, fanout }: { exchange: string; key: string; fanout: boolean }): readonly string[] {
    if (exchange === '') return [key];
    const keys = this.#bindings.get(exchange);
    if (fanout) return [...(keys?.values() ?? [])].flatMap((names) => [...names]);
    return [...(keys?.get(key) ?? [])];
  }

  /** Hands out what waits, one to each reader in turn. */
  #serve(name: string): void {
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    for (;;) {
      while ((queue.waiting[0]?.expiresAt ?? Infinity) <= performance.now()) queue.waiting.shift();
      const at = queue.readers.findIndex(({ prefetch, unacked }) => prefetch === 0 || unacked.size < prefetch);
      const [reader] = at < 0 ? [] : queue.readers.splice(at, 1);
      if (reader === undefined) return;
      const message = queue.waiting.shift();
      if (message === undefined) {
        queue.readers.splice(at, 0, reader);
        return;
      }
      queue.readers.push(reader);
      const tag = (this.#lastTag += 1);
      reader.unacked.set(tag, message);
      const { body, expirationMs, redelivered } = message;
      reader.deliver({ queue: name, body, expirationMs, redelivered }, tag);
    }
  }

  #watchIdle(name: string): void {
    const queue = this.#queues.get(name);
    if (queue === undefined || queue.idleMs === 0 || queue.readers.length > 0) return;
    clearTimeout(queue.idle);
    queue.idle = setTimeout(() => this.remove(name), queue.idleMs);
    queue.idle.unref();
  }
}
