import { delay, raceAbort, whenAborted } from '../../kernel/abort.ts';
import type { Health } from '../../kernel/component.ts';
import { messageOf, toError } from '../../kernel/errors.ts';
import type { Logger } from '../../log/logger.ts';
import { Latest } from '../latest.ts';
import { randomNames } from '../queue-names.ts';
import { PublishError, describeAddress } from '../transport.ts';
import type { Address, Delivery, Listener, ListenOptions, OutgoingMessage, Transport } from '../transport.ts';
import type { HubFrame } from './hub-frames.ts';
import { HubLink } from './hub-link.ts';
import type { HubRequest, HubSocket } from './hub-link.ts';

/** Messages by a hub on this machine (`hub:///path/to/socket`): development and tests without a broker. */
export class HubTransport implements Transport {
  readonly name = 'hub';
  readonly names = randomNames;
  readonly #link: HubLink;
  readonly #log: Logger;
  readonly #listeners = new Set<HubListener>();

  constructor(path: string, log: Logger) {
    this.#log = log;
    this.#link = new HubLink(path, log);
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#link.start();
    await this.#link.current(signal);
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.#listeners].map((listener) => listener.close()));
    await this.#link.stop();
  }

  listen(given: ListenOptions): Listener {
    const listener = new HubListener(given, this.#link, this.#log, () => this.#listeners.delete(listener));
    this.#listeners.add(listener);
    listener.start();
    return listener;
  }

  async publish(message: OutgoingMessage, signal: AbortSignal): Promise<'delivered' | 'unroutable'> {
    const socket = await this.#link.current(signal).catch((cause: unknown) => {
      throw new PublishError(messageOf(cause), 'not-started', { cause });
    });
    try {
      const takers = await raceAbort(socket.request(publishFrame(message)), signal);
      return message.mandatory === true && takers === 0 ? 'unroutable' : 'delivered';
    } catch (cause) {
      throw new PublishError(`${describeAddress(message.to)}: ${messageOf(cause)}`, 'unknown', { cause });
    }
  }

  /** What a hub holds ends with it, so that copies would tell nothing that the queues themselves do not. */
  readCopies(): Promise<void> {
    return Promise.resolve();
  }

  health(): Health {
    if (!this.#link.connected) return { ok: false, detail: 'no connection to the hub' };
    return [...this.#listeners].map((listener) => listener.health()).find((health) => !health.ok) ?? { ok: true };
  }
}

class HubListener implements Listener {
  readonly #given: ListenOptions;
  readonly #link: HubLink;
  readonly #log: Logger;
  readonly #onClosed: () => void;
  readonly #stopping = new AbortController();
  readonly #listening = new Latest<{ socket: HubSocket; id: number }>();
  #running: Promise<void> | undefined;
  #cancelled = false;

  constructor(given: ListenOptions, link: HubLink, log: Logger, onClosed: () => void) {
    this.#given = given;
    this.#link = link;
    this.#log = log;
    this.#onClosed = onClosed;
  }

  start(): void {
    this.#running ??= this.#run(this.#stopping.signal);
  }

  async ready(signal: AbortSignal): Promise<void> {
    await this.#listening.next(signal);
  }

  async cancel(): Promise<void> {
    this.#cancelled = true;
    await this.#ask('cancel');
  }

  async close(): Promise<void> {
    this.#cancelled = true;
    await this.#ask('close');
    const reason = new Error('listener closed');
    this.#listening.end(reason);
    this.#stopping.abort(reason);
    this.#onClosed();
    await this.#running;
  }

  health(): Health {
    const { name } = this.#given;
    return this.#listening.value === undefined ? { ok: false, detail: `${name}: not consuming` } : { ok: true };
  }

  /** A connection that ends meanwhile has the same effect. */
  async #ask(op: 'cancel' | 'close'): Promise<void> {
    const present = this.#listening.value;
    await present?.socket.request({ op, listener: present.id }).catch(() => undefined);
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#live(await this.#link.current(signal), signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#log.warn({ err: toError(error), listener: this.#given.name }, 'cannot consume from the hub');
        await delay(100, signal).catch(() => undefined);
      }
    }
  }

  async #live(socket: HubSocket, signal: AbortSignal): Promise<void> {
    const { queues, prefetch } = this.#given;
    const id = socket.newId();
    socket.onDeliveries(id, (frame) => this.#onDelivery(socket, frame));
    await socket.request({ op: 'listen', queues: this.#cancelled ? [] : queues, prefetch }, id);
    this.#listening.set({ socket, id });
    await whenAborted(socket.ended, signal);
    signal.throwIfAborted();
    this.#listening.clear();
  }

  #onDelivery(socket: HubSocket, { tag, queue, body, redelivered, expirationMs }: HubFrame & { op: 'deliver' }): void {
    let answered = false;
    const answer = (send: () => void): void => {
      if (!answered) send();
      answered = true;
    };
    const delivery: Delivery = {
      body: Buffer.from(body, 'base64'),
      queue,
      redelivered,
      expirationMs,
      lost: socket.ended,
      ack: () => answer(() => socket.send({ op: 'ack', tag })),
      reject: () => answer(() => socket.send({ op: 'reject', tag, requeue: false })),
      requeue: () => answer(() => socket.send({ op: 'reject', tag, requeue: true })),
    };
    this.#given.onDelivery(delivery);
  }
}

function publishFrame({ to, body, expirationMs }: OutgoingMessage): HubRequest {
  const rest = { body: body.toString('base64'), expirationMs: expirationMs ?? null };
  return { op: 'publish', ...route(to), ...rest };
}

function route(to: Address): { exchange: string; key: string; fanout: boolean; queue: string | null } {
  switch (to.kind) {
    case 'queue':
      return { exchange: '', key: to.name, fanout: false, queue: null };
    case 'fanout':
      return { exchange: `${to.topic}_fanout`, key: '', fanout: true, queue: null };
    case 'topic':
      return { exchange: to.exchange, key: to.key, fanout: false, queue: null };
    case 'notification':
      return { exchange: to.exchange, key: to.key, fanout: false, queue: to.key };
  }
}
