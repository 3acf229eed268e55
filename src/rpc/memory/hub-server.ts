import { unlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { isErrno, messageOf, toError } from '../../kernel/errors.ts';
import { silentLogger } from '../../log/logger.ts';
import type { Logger } from '../../log/logger.ts';
import type { QueueSpec } from '../transport.ts';
import { LineReader, frameText, parseFrame } from './hub-frames.ts';
import type { ClientFrame, HubFrame } from './hub-frames.ts';
import { Hub } from './hub.ts';
import type { HubSubscription } from './hub.ts';

/** oslo's default life of a queue without a reader. */
const IDLE_QUEUE_MS = 1_800_000;

export interface RunningHub {
  readonly hub: Hub;
  readonly socketPath: string;
  /** Cuts every client off, as a broker's restart does; they come back. */
  disconnectAll(): void;
  stop(): Promise<void>;
}

/** Starts a hub on a unix socket (mode as the umask says). A socket file that a dead hub left is replaced. */
export async function startHub(options: { socketPath: string; hub?: Hub; log?: Logger }): Promise<RunningHub> {
  const { socketPath, hub = new Hub(), log = silentLogger } = options;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    new HubSession(hub, socket, log).start();
  });
  await removeStale(socketPath);
  await listen(server, socketPath);
  const disconnectAll = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    hub,
    socketPath,
    disconnectAll,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      disconnectAll();
      await closed;
    },
  };
}

/** One client: what it consumes ends with its connection, and what it had not acknowledged goes to others. */
class HubSession {
  readonly #hub: Hub;
  readonly #socket: Socket;
  readonly #log: Logger;
  readonly #listeners = new Map<number, { queues: readonly QueueSpec[]; subscriptions: HubSubscription[] }>();
  readonly #owed = new Map<number, HubSubscription>();

  constructor(hub: Hub, socket: Socket, log: Logger) {
    this.#hub = hub;
    this.#socket = socket;
    this.#log = log;
  }

  start(): void {
    const lines = new LineReader((line) => this.#onFrame(parseFrame(line) as ClientFrame));
    this.#socket.on('data', (bytes) => {
      try {
        lines.push(bytes);
      } catch (error) {
        this.#log.error({ err: toError(error) }, 'a client of the hub sent what is no frame');
        this.#socket.destroy();
      }
    });
    this.#socket.on('error', () => undefined);
    this.#socket.once('close', () => this.#end());
  }

  #end(): void {
    for (const { subscriptions } of this.#listeners.values()) for (const one of subscriptions) one.close();
    this.#listeners.clear();
    this.#owed.clear();
  }

  #onFrame(frame: ClientFrame): void {
    if (frame.op === 'ack' || frame.op === 'reject') return this.#answer(frame);
    try {
      this.#send({ op: 'done', id: frame.id, value: this.#perform(frame) });
    } catch (error) {
      this.#send({ op: 'failed', id: frame.id, problem: messageOf(error) });
    }
  }

  #answer(frame: ClientFrame & { op: 'ack' | 'reject' }): void {
    const subscription = this.#owed.get(frame.tag);
    this.#owed.delete(frame.tag);
    if (frame.op === 'ack') subscription?.ack(frame.tag);
    else subscription?.reject(frame.tag, frame.requeue);
  }

  #perform(frame: Exclude<ClientFrame, { op: 'ack' | 'reject' }>): number {
    if (frame.op === 'publish') return this.#publish(frame);
    if (frame.op === 'listen') return this.#listen(frame);
    const listener = this.#listeners.get(frame.listener);
    if (listener === undefined) return 0;
    for (const one of listener.subscriptions) one[frame.op]();
    if (frame.op === 'close') {
      this.#listeners.delete(frame.listener);
      for (const { kind, name } of listener.queues) if (kind === 'fanout') this.#hub.remove(name);
    }
    return 0;
  }

  #publish({ exchange, key, fanout, queue, body, expirationMs }: ClientFrame & { op: 'publish' }): number {
    if (queue !== null) {
      this.#hub.declare(queue);
      this.#hub.bind(queue, exchange, key);
    }
    return this.#hub.publish({ exchange, key, fanout }, { body, expirationMs });
  }

  #listen({ id, queues, prefetch }: ClientFrame & { op: 'listen' }): number {
    const listener = { queues, subscriptions: [] as HubSubscription[] };
    this.#listeners.set(id, listener);
    for (const queue of queues) this.#declare(queue);
    for (const queue of queues) listener.subscriptions.push(this.#consume(id, queue, prefetch));
    return id;
  }

  #declare(queue: QueueSpec): void {
    this.#hub.declare(queue.name, queue.kind === 'topic' ? 0 : IDLE_QUEUE_MS);
    if (queue.kind === 'topic') this.#hub.bind(queue.name, queue.exchange, queue.name);
    if (queue.kind === 'fanout') this.#hub.bind(queue.name, `${queue.topic}_fanout`, queue.topic);
  }

  #consume(listener: number, queue: QueueSpec, prefetch: number): HubSubscription {
    // A delivery may come before `consume` has returned.
    const owe = (tag: number): void => {
      queueMicrotask(() => this.#owed.set(tag, subscription));
    };
    const subscription: HubSubscription = this.#hub.consume(queue.name, {
      prefetch,
      deliver: (delivery, tag) => {
        owe(tag);
        this.#send({ op: 'deliver', listener, tag, ...delivery });
      },
    });
    return subscription;
  }

  #send(frame: HubFrame): void {
    if (!this.#socket.destroyed) this.#socket.write(frameText(frame));
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function removeStale(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
