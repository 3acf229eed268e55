import type { Socket } from 'node:net';
import zookeeper from 'node-zookeeper-client';
import type { HostPort } from '../backend-spec.ts';
import { unwatchNodes, watchNodes, type OnEvent, type Watching } from './zookeeper-watches.ts';

export type ZkClient = zookeeper.Client;

/** The parts of node-zookeeper-client's connection manager that this file must reach to close its gaps. */
interface Manager extends Watching {
  servers: readonly HostPort[];
  sessionId: Buffer;
  sessionPassword: Buffer;
  socket?: Pick<Socket, 'destroy' | 'cork' | 'uncork' | 'writableCorked'>;
  pendingBuffer: Buffer | null;
  packetQueue: { shift(): { callback?: (error: Error) => void } | undefined };
  updateTimeout(sessionTimeoutMs: number): void;
  findNextServer(connect: (server: HostPort) => void): void;
  onSocketData(data: Buffer): void;
}

/** What went wrong with a call, by ZooKeeper's own names. */
export type ZkErrorCode = 'CONNECTION_LOSS' | 'SESSION_EXPIRED' | 'NO_NODE' | 'NODE_EXISTS' | 'NO_AUTH' | 'AUTH_FAILED';

export class ZkError extends Error {
  /** `CONNECTION_LOSS`: the call may have been carried out. */
  readonly code: string;
  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'ZkError';
    this.code = code;
  }
}

export function isZkError(thrown: unknown, ...codes: readonly ZkErrorCode[]): boolean {
  return thrown instanceof ZkError && (codes as readonly string[]).includes(thrown.code);
}

/** The library's exceptions have numbers and names; anything else that it hands out is a broken connection. */
export function toZkError(what: string, thrown: unknown): ZkError {
  const name = thrown instanceof Error && 'name' in thrown ? thrown.name : '';
  const code = /^[A-Z][A-Z_]+$/.test(name) ? name : 'CONNECTION_LOSS';
  return new ZkError(code, `ZooKeeper, ${what}: ${code}`, { cause: thrown });
}

/**
 * A node-zookeeper-client whose connections we govern:
 *
 * - each attempt to connect starts clean: half a message of the last connection is not glued to the first of the next,
 *   and calls that were not written yet fail instead of being sent late;
 * - an attempt that reaches a server which then says nothing is given up after its share of the session's time;
 * - an answer that the library cannot read (SESSION_MOVED is not in its list) costs the connection, not the thread;
 * - pauses between rounds over the servers are ours;
 * - it can be cut (it then reconnects with the same session) and ended (it never connects again, which the library's
 *   own close() cannot promise).
 */
export class GovernedClient {
  readonly client: ZkClient;
  readonly #manager: Manager;
  readonly #servers: readonly HostPort[];
  readonly #pauseMs: () => number;
  readonly #attemptMs: number;
  #attempt: NodeJS.Timeout | undefined;
  #attempts = 0;
  #ended = false;

  /**
   * @param options.pauseMs the wait before each further round over the servers
   * @param options.resumed a session to carry on
   */
  constructor(options: {
    servers: readonly HostPort[];
    sessionTimeoutMs: number;
    pauseMs: () => number;
    resumed?: { readonly id: Uint8Array; readonly password: Uint8Array };
  }) {
    const { sessionTimeoutMs } = options;
    this.#servers = options.servers;
    this.#pauseMs = options.pauseMs;
    this.#attemptMs = Math.max(100, sessionTimeoutMs / 2 / options.servers.length);
    // The address is replaced at once: the library's own parser takes no IPv6 address.
    this.client = zookeeper.createClient('127.0.0.1', { sessionTimeout: sessionTimeoutMs, spinDelay: 0, retries: 0 });
    this.#manager = (this.client as unknown as { connectionManager: Manager }).connectionManager;
    this.#manager.servers = options.servers;
    if (options.resumed !== undefined) {
      this.#manager.sessionId = Buffer.from(options.resumed.id);
      this.#manager.sessionPassword = Buffer.from(options.resumed.password);
    }
    this.#manager.updateTimeout(sessionTimeoutMs);
    this.#manager.findNextServer = (connect) => this.#nextServer(connect);
    const read = this.#manager.onSocketData.bind(this.#manager);
    this.#manager.onSocketData = (data) => {
      try {
        read(data);
      } catch {
        this.cut();
      }
    };
    this.client.on('connected', () => {
      clearTimeout(this.#attempt);
      this.#attempts = 0;
    });
  }

  get connected(): boolean {
    return !this.#ended && this.client.getState() === zookeeper.State.SYNC_CONNECTED;
  }

  connect(): void {
    this.client.connect();
  }

  /** What is called in one breath is sent in one packet. */
  gather(): void {
    const { socket } = this.#manager;
    if (socket === undefined || socket.writableCorked > 0) return;
    socket.cork();
    process.nextTick(() => socket.uncork());
  }

  watch(paths: readonly string[], onEvent: OnEvent, done: (error: unknown) => void): void {
    watchNodes(this.#manager, paths, onEvent, done);
  }

  unwatch(paths: readonly string[], onEvent: OnEvent): void {
    unwatchNodes(this.#manager, paths, onEvent);
  }

  /** Gives up the present connection; the library makes another one for the same session. */
  cut(): void {
    this.#manager.socket?.destroy();
  }

  /** No connection any more, ever. The server hears nothing of it: the session lives on there until it expires. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#attempt);
    this.cut();
    this.#dropQueued();
  }

  #nextServer(connect: (server: HostPort) => void): void {
    if (this.#ended) return;
    const server = this.#servers[this.#attempts % this.#servers.length];
    const pauseMs = this.#attempts > 0 && this.#attempts % this.#servers.length === 0 ? this.#pauseMs() : 0;
    this.#attempts += 1;
    setTimeout(() => {
      if (this.#ended || server === undefined) return;
      this.#manager.pendingBuffer = null;
      this.#dropQueued();
      clearTimeout(this.#attempt);
      this.#attempt = setTimeout(() => this.cut(), this.#attemptMs);
      connect(server);
    }, pauseMs);
  }

  #dropQueued(): void {
    const error = new ZkError('CONNECTION_LOSS', 'ZooKeeper: the connection was lost before the call was sent');
    for (
      let packet = this.#manager.packetQueue.shift();
      packet !== undefined;
      packet = this.#manager.packetQueue.shift()
    ) {
      packet.callback?.(error);
    }
  }
}
