import { connect, createServer, type Server, type Socket } from 'node:net';
import { listenOnLoopback } from '../../../src/dev/free-port.ts';

/** Operations of NFSv4 that change names (RFC 8881, section 16.2.3). */
const operations = { link: 11, remove: 28, rename: 29 } as const;

export type NameChange = keyof typeof operations;

/** A call that was waited for. */
export interface Caught {
  /** Resolves when the call has come by; of a lost reply, when the server has answered it. */
  readonly caught: Promise<void>;
  /** Lets a call that is held back go on to the server. */
  release(): void;
}

interface Trap {
  readonly matches: (call: Buffer) => boolean;
  readonly fate: 'hold' | 'lose-reply';
  readonly spring: (release: () => void) => void;
}

/** Between an NFS client and its server: single calls come late, and single replies never. */
export class RpcProxy {
  readonly #target: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #traps = new Set<Trap>();
  #port = 0;

  constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<this> {
    this.#port = await listenOnLoopback(this.#server);
    return this;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The next such call, of a name that ends so, is kept back until it is released. */
  hold(change: NameChange, ending: string): Caught {
    return this.#set('hold', change, ending);
  }

  /** The next such call is carried out, and its reply is lost. */
  loseReply(change: NameChange, ending: string): Caught {
    return this.#set('lose-reply', change, ending);
  }

  #set(fate: Trap['fate'], change: NameChange, ending: string): Caught {
    let release = (): void => undefined;
    const caught = new Promise<void>((resolve) => {
      const spring: Trap['spring'] = (given) => {
        release = given;
        resolve();
      };
      const matches = (call: Buffer): boolean => namesIn(call, change).some((name) => name.endsWith(ending));
      this.#traps.add({ matches, fate, spring });
    });
    return { caught, release: () => release() };
  }

  #accept(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1');
    /** By the call's number: whom to tell that its reply has been swallowed. */
    const swallowed = new Map<number, Trap['spring']>();
    join(client, server, this.#sockets, (call) => {
      const trap = [...this.#traps].find(({ matches }) => matches(call));
      if (trap === undefined) return true;
      this.#traps.delete(trap);
      if (trap.fate === 'hold') trap.spring(() => void server.write(call));
      else swallowed.set(numberOf(call), trap.spring);
      return trap.fate !== 'hold';
    });
    join(server, client, this.#sockets, (reply) => {
      const spring = swallowed.get(numberOf(reply));
      spring?.(() => undefined);
      return spring === undefined;
    });
  }
}

/** Passes on each record that may pass, whole. */
function join(from: Socket, to: Socket, all: Set<Socket>, mayPass: (record: Buffer) => boolean): void {
  let rest = Buffer.alloc(0);
  all.add(from);
  from.setNoDelay(true);
  from.on('error', () => undefined);
  from.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    // RFC 5531, section 11: each fragment begins with its length; clients and servers here send one for a record.
    for (let length = lengthOf(rest); length <= rest.length; length = lengthOf(rest)) {
      const record = rest.subarray(0, length);
      rest = rest.subarray(length);
      if (mayPass(record)) to.write(record);
    }
  });
  from.once('close', () => {
    all.delete(from);
    to.destroy();
  });
}

const lengthOf = (data: Buffer): number => (data.length < 4 ? Infinity : 4 + (data.readUInt32BE(0) & 0x7fffffff));
const numberOf = (record: Buffer): number => record.readUInt32BE(4);

/** The names in such operations of a call. Its other operations are not taken apart: what reads as one is one. */
function namesIn(call: Buffer, change: NameChange): readonly string[] {
  const names: string[] = [];
  for (let at = 4; at + 8 <= call.length; at += 4) {
    if (call.readUInt32BE(at) !== operations[change]) continue;
    const first = nameAt(call, at + 4);
    if (first === undefined) continue;
    names.push(first.name);
    const second = change === 'rename' ? nameAt(call, first.end) : undefined;
    if (second !== undefined) names.push(second.name);
  }
  return names;
}

function nameAt(call: Buffer, at: number): { readonly name: string; readonly end: number } | undefined {
  if (at + 4 > call.length) return undefined;
  const length = call.readUInt32BE(at);
  const name = call.toString('latin1', at + 4, at + 4 + length);
  if (length === 0 || name.length !== length || !/^[\w.~-]+$/.test(name)) return undefined;
  return { name, end: at + 4 + 4 * Math.ceil(length / 4) };
}
