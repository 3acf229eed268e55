import type { JsonObject, Json } from '../../src/domain/json.ts';
import type { RequestContext } from '../../src/domain/context.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { noTally } from '../../src/kernel/tally.ts';
import { CastLane } from '../../src/rpc/cast-lane.ts';
import type { RpcRequest, RpcService } from '../../src/rpc/method.ts';
import type { Delivery } from '../../src/rpc/transport.ts';
import { defaultTimings, noFailpoints, type CustodyOptions } from '../../src/volume/custody-options.ts';
import { Door } from '../../src/volume/door.ts';
import type { OperationPorts } from '../../src/volume/operation.ts';
import { Takeover } from '../../src/volume/takeover.ts';
import { sideOf, type Answer, type Ask, type Event, type Side } from './asks.ts';
import { askingCoordinator, askingDatabase, askingShare, errorOf, type LeaseEnd } from './carrier-ports.ts';
import { untilQuiet } from './instant-timers.ts';
import { mistaken } from './mistaken.ts';
import type { Mistake } from './mistakes.ts';
import { backend, operations, type Message } from './scenario.ts';

interface Waiting {
  readonly ask: Ask;
  readonly answer: (answer: Answer) => void;
}

const context = { request_id: null } as unknown as RequestContext;
const empty: JsonObject = {};

/**
 * What one replica does about one request, by the real code: the lane on which casts come in, the door, the take-over and
 * the driver. It moves only when an event is given to it, and then until it waits for the world again.
 */
export class Carrier {
  readonly #owner: string;
  readonly #message: Message;
  readonly #mistake: Mistake | undefined;
  readonly #waiting = new Map<string, Waiting>();
  readonly #lane: CastLane;
  readonly #door: Door;
  readonly #takeover: Takeover;
  #channel = new AbortController();
  #lease: LeaseEnd = { hasLapsed: false, ended: new AbortController() };
  readonly #asked: Record<Side, number> = { intake: 0, run: 0 };

  private constructor(owner: string, message: Message, mistake: Mistake | undefined) {
    this.#owner = owner;
    this.#message = message;
    this.#mistake = mistake;
    const options = mistaken(this.#options(), mistake);
    this.#door = new Door(options, { onOutbox: () => undefined, onDoubt: () => this.#doubt() });
    this.#takeover = new Takeover(options, this.#door);
    const accept = (request: RpcRequest): Promise<void> => this.#door.receive(request, backend);
    this.#lane = new CastLane({ service: { accept } as unknown as RpcService, log: silentLogger });
  }

  static async start(owner: string, message: Message, mistake: Mistake | undefined): Promise<Carrier> {
    const carrier = new Carrier(owner, message, mistake);
    await untilQuiet(() => {
      void carrier.#door.start();
      void carrier.#takeover.start();
    });
    return carrier;
  }

  /** What it waits for, by its side and number in the order of asking. */
  asks(): ReadonlyMap<string, Ask> {
    return new Map([...this.#waiting].map(([number, { ask }]) => [number, ask]));
  }

  take(event: Event): Promise<void> {
    return untilQuiet(() => {
      switch (event.event) {
        case 'message':
          return this.#deliver();
        case 'answer':
          return this.#answer(event.ask, event.answer);
        case 'lapse':
          this.#lease.hasLapsed = true;
          return;
        case 'notice':
          this.#lease.hasLapsed = true;
          return this.#lease.ended.abort(errorOf({ fail: 'deadline' }));
        case 'channel lost':
          this.#channel.abort(new Error('channel lost'));
          this.#channel = new AbortController();
      }
    });
  }

  #answer(number: string, answer: Answer): void {
    const waiting = this.#waiting.get(number);
    if (waiting === undefined) throw new Error(`nobody waits for the answer ${number}`);
    this.#waiting.delete(number);
    waiting.answer(answer);
  }

  /** A look for entries that found none comes back at once; the model leaves it waiting until there is something to find. */
  #doubt(): void {
    this.#takeover.doubt();
    for (const [number, { ask }] of this.#waiting) {
      if (ask.to === 'database' && ask.what === 'journal.adopt') this.#answer(number, { ok: [] });
    }
  }

  #ask(ask: Ask): Promise<Json> {
    const side = sideOf(ask);
    this.#asked[side] += 1;
    const number = `${side} ${this.#asked[side]}`;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, {
        ask,
        answer: (answer) => ('ok' in answer ? resolve(answer.ok) : reject(errorOf(answer))),
      });
    });
  }

  #deliver(): void {
    const ack = (): void => void this.#ask({ to: 'broker', what: 'ack' });
    const { id, method, subject } = this.#message;
    const args = { id: subject };
    const request = { method, version: '3.0', uniqueId: id, plain: args, context, wire: { args, context: empty } };
    const isEarly = this.#mistake === 'the message is acknowledged before it is journalled';
    if (isEarly) ack();
    const delivery = { lost: this.#channel.signal, requeue: () => undefined } as unknown as Delivery;
    this.#lane.take(delivery, request, isEarly ? () => undefined : ack);
  }

  #options(): CustodyOptions {
    const asking = (ask: Ask): Promise<Json> => this.#ask(ask);
    const parts = askingShare(asking);
    const db = askingDatabase(asking);
    const coordinator = askingCoordinator(asking, () => {
      this.#lease = { hasLapsed: false, ended: new AbortController() };
      return this.#lease;
    });
    const ports = { db, backend: { name: 'nfs', workOf: backend, ready: () => true, service: { id: 1, uuid: 'u' } } };
    const clock = { nowMs: () => 0 };
    return {
      ...{ db, coordinator, operations: operations(parts), clock, log: silentLogger, slots: 4, tally: noTally },
      ports: new Map([[backend, ports as unknown as OperationPorts]]),
      codec: { plain: (args) => args, context: () => context, serviceContext: () => empty },
      sender: { send: () => Promise.resolve() },
      incarnation: { id: this.#owner, host: this.#owner, pid: 1, version: '0', serves: [backend] },
      timings: { ...defaultTimings, lockWaitWarningMs: 0 },
      failpoints: noFailpoints,
    };
  }
}
