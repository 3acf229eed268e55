import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { delay, sharedAbort, whenAborted } from '../../kernel/abort.ts';
import { Backoff } from '../../kernel/backoff.ts';
import { toError } from '../../kernel/errors.ts';
import type { Logger } from '../../log/logger.ts';
import { Latest } from '../latest.ts';
import { LineReader, frameText, parseFrame } from './hub-frames.ts';
import type { ClientFrame, HubFrame } from './hub-frames.ts';

type Unnumbered<F> = F extends { readonly id: number } ? Omit<F, 'id'> : never;
export type HubRequest = Unnumbered<ClientFrame>;

/** One life of a connection to a hub. */
export class HubSocket {
  readonly #socket: Socket;
  readonly #ended = sharedAbort();
  readonly #pending = new Map<number, { resolve: (value: number) => void; reject: (error: Error) => void }>();
  readonly #onDelivery = new Map<number, (frame: HubFrame & { op: 'deliver' }) => void>();
  #lastId = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    const lines = new LineReader((line) => this.#onFrame(parseFrame(line) as HubFrame));
    socket.on('data', (bytes) => {
      try {
        lines.push(bytes);
      } catch (error) {
        this.#end(toError(error));
      }
    });
    socket.on('error', (error) => this.#end(error));
    socket.once('close', () => this.#end(new Error('the hub closed the connection')));
  }

  /** Aborts when the connection has ended. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Rejects when the connection ends first: then it is not known whether the hub did it. */
  request(request: HubRequest, id = this.newId()): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#ended.signal.aborted) return reject(toError(this.#ended.signal.reason));
      this.#pending.set(id, { resolve, reject });
      this.send({ ...request, id });
    });
  }

  send(frame: ClientFrame): void {
    if (!this.#ended.signal.aborted) this.#socket.write(frameText(frame));
  }

  newId(): number {
    return (this.#lastId += 1);
  }

  /** Set before the listener's number is used in a request: deliveries may precede the answer. */
  onDeliveries(listener: number, handle: (frame: HubFrame & { op: 'deliver' }) => void): void {
    this.#onDelivery.set(listener, handle);
  }

  close(): void {
    this.#end(new Error('closed'));
  }

  #onFrame(frame: HubFrame): void {
    if (frame.op === 'deliver') {
      this.#onDelivery.get(frame.listener)?.(frame);
      return;
    }
    const pending = this.#pending.get(frame.id);
    this.#pending.delete(frame.id);
    if (frame.op === 'done') pending?.resolve(frame.value);
    else pending?.reject(new Error(frame.problem));
  }

  #end(reason: Error): void {
    if (this.#ended.signal.aborted) return;
    this.#socket.destroy();
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
    this.#ended.abort(reason);
  }
}

/** Keeps a connection to the hub: a hub that is away or restarts is looked for until `stop`. */
export class HubLink {
  readonly #path: string;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #socket = new Latest<HubSocket>();
  #running: Promise<void> | undefined;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  start(): void {
    this.#running ??= this.#run(this.#stopping.signal);
  }

  get connected(): boolean {
    return this.#socket.value !== undefined;
  }

  current(signal: AbortSignal): Promise<HubSocket> {
    return this.#socket.next(signal);
  }

  async stop(): Promise<void> {
    const reason = new Error('stopped');
    this.#socket.value?.close();
    this.#socket.end(reason);
    this.#stopping.abort(reason);
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ initialMs: 20, maxMs: 2_000 });
    while (!signal.aborted) {
      try {
        const socket = new HubSocket(await dial(this.#path));
        if (signal.aborted) {
          socket.close();
          return;
        }
        backoff.reset();
        this.#socket.set(socket);
        await whenAborted(socket.ended, signal);
        this.#socket.clear();
      } catch (error) {
        if (!signal.aborted) this.#log.debug({ err: toError(error), path: this.#path }, 'no connection to the hub');
      }
      await delay(backoff.nextMs(), signal).catch(() => undefined);
    }
  }
}

function dial(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
