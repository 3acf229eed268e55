import { connect, createServer, type Server, type Socket } from 'node:net';
import { listenOnLoopback } from '../../src/dev/free-port.ts';

/**
 * What happens to bytes in one direction.
 *
 * - `flow`: they pass.
 * - `hold`: they are kept back and pass later (a frozen peer, a slow switch-over).
 * - `drop`: they vanish, the connection stays open (half-open: the peer's machine is gone).
 */
export type Passage = 'flow' | 'hold' | 'drop';

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
}

/** Stands between a client and a server on loopback and breaks the connection in the ways in which networks do. */
export class TcpProxy {
  readonly #target: { host: string; port: number };
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #passage = { toServer: 'flow' as Passage, toClient: 'flow' as Passage };
  #delayMs = 0;
  #refusing = false;
  #resetAt: { readonly text: string; readonly done: () => void } | undefined;
  #port = 0;

  constructor(target: { host?: string; port: number }) {
    this.#target = { host: target.host ?? '127.0.0.1', port: target.port };
    this.#server = createServer((client) => this.#accept(client));
  }

  /** Where clients connect to, on 127.0.0.1; known after `start`. */
  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  async start(): Promise<this> {
    this.#port = await listenOnLoopback(this.#server);
    return this;
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Ends the present connections in good order (FIN on both sides). New ones are accepted. */
  cut(): void {
    for (const { client, upstream } of this.#pairs) {
      client.destroy();
      upstream.destroy();
    }
  }

  /** Ends the present connections with RST on both sides. */
  reset(): void {
    for (const { client, upstream } of this.#pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
  }

  /** The next connection on which the client sends this text is reset instead; resolves when that has happened. */
  resetAt(text: string): Promise<void> {
    return new Promise((done) => (this.#resetAt = { text, done }));
  }

  /** New connections are reset until `heal`. */
  refuse(): void {
    this.#refusing = true;
  }

  /** Sets what happens from now on, for present and new connections. */
  pass(passage: { toServer?: Passage; toClient?: Passage }): void {
    Object.assign(this.#passage, passage);
    for (const pair of this.#pairs) this.#apply(pair);
  }

  /** A black hole: both ways, connections stay open. */
  blackHole(): void {
    this.pass({ toServer: 'drop', toClient: 'drop' });
  }

  /** Delays each piece of data, both ways, by this long. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** All is well again, for new connections and, but for dropped bytes, for present ones. */
  heal(): void {
    this.#refusing = false;
    this.#delayMs = 0;
    this.pass({ toServer: 'flow', toClient: 'flow' });
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(this.#target);
    const pair = { client, upstream };
    this.#pairs.add(pair);
    this.#join(client, upstream, 'toServer', pair);
    this.#join(upstream, client, 'toClient', pair);
    this.#apply(pair);
  }

  #join(from: Socket, to: Socket, direction: 'toServer' | 'toClient', pair: Pair): void {
    from.setNoDelay(true);
    from.on('data', (data) => {
      if (this.#passage[direction] === 'drop') return;
      if (direction === 'toServer' && this.#resetAt !== undefined && data.includes(this.#resetAt.text)) {
        from.resetAndDestroy();
        to.resetAndDestroy();
        this.#resetAt.done();
        this.#resetAt = undefined;
        return;
      }
      if (this.#delayMs === 0) to.write(data);
      else setTimeout(() => to.destroyed || to.write(data), this.#delayMs).unref();
    });
    from.on('error', () => undefined);
    from.once('close', () => {
      this.#pairs.delete(pair);
      // A dropped direction also loses the news that the connection has ended.
      if (this.#passage[direction] !== 'drop') to.destroy();
    });
  }

  #apply({ client, upstream }: Pair): void {
    hold(client, this.#passage.toServer === 'hold');
    hold(upstream, this.#passage.toClient === 'hold');
  }
}

function hold(socket: Socket, held: boolean): void {
  if (held) socket.pause();
  else socket.resume();
}
