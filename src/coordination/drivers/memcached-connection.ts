import { connect, type Socket } from 'node:net';
import { raceAbort, withTimeout } from '../../kernel/abort.ts';
import { messageOf } from '../../kernel/errors.ts';
import type { MemcachedSpec } from '../backend-spec.ts';

/** Answers end their lines with both, listings with the second alone. */
const [carriageReturn, newLine] = ['\r', '\n'];
const afterData = `${carriageReturn}${newLine}`.length;

/** What came for one command: the line that ended it, and the items before that line. */
export interface Reply {
  /** `STORED`, `END`, `NOT_FOUND`, … */
  readonly end: string;
  readonly items: readonly Item[];
}

/** A `VALUE` with its data, or a line of a listing. */
export interface Item {
  readonly words: readonly string[];
  readonly data: string;
}

interface Pending {
  readonly items: Item[];
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/**
 * memcached's text protocol over one connection, which answers commands in their order. A command goes out once; who
 * gets an error does not know whether it was done. The next command connects anew.
 */
export class MemcachedConnection {
  readonly #spec: MemcachedSpec;
  #link: Promise<Link> | undefined;

  constructor(spec: MemcachedSpec) {
    this.#spec = spec;
  }

  /** Sends a command line, and a data block after it where there is one. */
  async ask(line: string, data?: string): Promise<Reply> {
    const { commandTimeoutMs } = this.#spec;
    const opening = (this.#link ??= Link.open(this.#spec));
    try {
      const link = await opening;
      return await withTimeout('memcached', commandTimeoutMs, link.ask(line, data));
    } catch (error) {
      // A half-open connection looks healthy to TCP; only a new one can be trusted again.
      if (this.#link === opening) this.#link = undefined;
      opening.then(
        (link) => link.cut(messageOf(error)),
        () => undefined,
      );
      throw error;
    }
  }

  close(): void {
    this.#link?.then(
      (link) => link.cut('closed'),
      () => undefined,
    );
    this.#link = undefined;
  }
}

class Link {
  readonly #socket: Socket;
  readonly #pending: Pending[] = [];
  #received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('error', (error) => this.cut(error.message));
    socket.on('close', () => this.cut('the connection was closed'));
  }

  static async open({ host, port, connectTimeoutMs }: MemcachedSpec): Promise<Link> {
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    const connected = new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    try {
      await raceAbort(connected, AbortSignal.timeout(connectTimeoutMs));
      return new Link(socket);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  ask(line: string, data: string | undefined): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error('the connection was closed'));
      this.#pending.push({ items: [], resolve, reject });
      this.#socket.write(data === undefined ? `${line}\r\n` : `${line}\r\n${data}\r\n`);
    });
  }

  cut(why: string): void {
    this.#socket.destroy();
    for (const { reject } of this.#pending.splice(0)) reject(new Error(why));
  }

  #receive(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    while (this.#takeOne());
  }

  /** One line, with the data block that a `VALUE` announces; false until all of it is here. */
  #takeOne(): boolean {
    const at = this.#received.indexOf(newLine);
    if (at === -1) return false;
    const line = this.#received.toString('utf8', 0, at).replace(carriageReturn, '');
    const words = line.split(' ');
    const length = words[0] === 'VALUE' ? Number(words[3]) + afterData : 0;
    const start = at + 1;
    if (this.#received.length < start + length) return false;
    const data = this.#received.toString('utf8', start, start + Math.max(0, length - afterData));
    this.#received = this.#received.subarray(start + length);
    const [pending] = this.#pending;
    if (words[0] === 'VALUE' || line.startsWith('key=')) pending?.items.push({ words, data });
    else this.#pending.shift()?.resolve({ end: line, items: pending?.items ?? [] });
    return true;
  }
}
