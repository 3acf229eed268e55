import { createHash } from 'node:crypto';
import type { Component, Health } from '../kernel/component.ts';
import { toError } from '../kernel/errors.ts';
import { isJsonObject } from '../domain/json.ts';
import type { Tally } from '../kernel/tally.ts';
import type { Logger } from '../log/logger.ts';
import { CallLane } from './call-lane.ts';
import { CastLane } from './cast-lane.ts';
import { answeredSoon } from './goodbye.ts';
import type { RpcRequest, RpcService } from './method.ts';
import type { ReplySender } from './reply-sender.ts';
import { SelfProbe } from './self-probe.ts';
import type { Delivery, Listener, QueueSpec, Transport } from './transport.ts';
import { decodeContext, withoutCredentials } from './wire/context.ts';
import { parseBody, parseRequest } from './wire/envelope.ts';
import type { WireRequest } from './wire/envelope.ts';
import { noSuchMethod, unsupportedVersion } from './wire/failure.ts';
import { decodeEntity } from './wire/objects.ts';
import { isVersionServed } from './wire/version.ts';
import { WireError } from './wire/wire-error.ts';
import { toPlain } from './wire/wire-object.ts';

/** oslo's target: the queues are `<topic>`, `<topic>.<server>` and a fanout queue of our own. */
export interface RpcTarget {
  readonly exchange: string;
  readonly topic: string;
  readonly server: string;
  /** The queue that keeps copies of what those of the topic get, where copies are wanted. */
  readonly copies?: string;
}

export interface RpcServerOptions {
  readonly transport: Transport;
  readonly target: RpcTarget;
  readonly service: RpcService;
  readonly replies: ReplySender;
  readonly log: Logger;
  /** Un-acked messages per queue; it bounds what waits here while the journal cannot be reached. */
  readonly prefetch: number;
  /** Calls that run at the same time. */
  readonly maxCalls: number;
  /** How long a caller waits, if its message does not say. */
  readonly responseTimeoutMs: () => number;
  readonly pingEnabled: boolean;
  readonly tally: Tally;
}

/**
 * Serves one target:
 *
 *     delivery → parse → version, method → decode ─ cast ─▶ journal (again until it is kept) → ack
 *                                                 └ call ─▶ lane → run → reply confirmed → ack
 *
 * Nothing that arrives stops the consumer. A request that cannot be understood is answered if its caller can be told
 * from it, logged in any case, and acknowledged; what is no request at all is dropped.
 */
export class RpcServer implements Component {
  readonly name: string;
  readonly #given: RpcServerOptions;
  readonly #log: Logger;
  #probe: SelfProbe | undefined;
  readonly #calls: CallLane;
  readonly #casts: CastLane;
  #listener: Listener | undefined;

  constructor(given: RpcServerOptions) {
    const { topic, server } = given.target;
    this.name = `rpc ${topic}.${server}`;
    this.#given = given;
    this.#log = given.log.child({ rpc_server: `${topic}.${server}` });
    const { service, replies, maxCalls } = given;
    this.#calls = new CallLane({ service, replies, maxCalls, log: this.#log });
    this.#casts = new CastLane({ service, log: this.#log });
  }

  async start(signal: AbortSignal): Promise<void> {
    const { exchange, topic, server, copies } = this.#given.target;
    const copied = copies === undefined ? {} : { copies };
    const { transport, prefetch } = this.#given;
    const fanout = transport.names.fanout(topic);
    this.#probe = new SelfProbe(transport, fanout);
    const queues: readonly QueueSpec[] = [
      { kind: 'topic', exchange, name: topic, ...copied },
      { kind: 'topic', exchange, name: `${topic}.${server}`, ...copied },
      { kind: 'fanout', topic, name: fanout },
    ];
    const onDelivery = (delivery: Delivery): void => this.#onDelivery(delivery);
    this.#listener = transport.listen({ name: this.name, queues, prefetch, onDelivery });
    await this.#listener.ready(signal);
  }

  /** No new requests; those under way get the time until `force`, then what is un-acked goes back to the queues. */
  async stop({ force }: { force: AbortSignal }): Promise<void> {
    const listener = this.#listener;
    if (listener === undefined) return;
    await answeredSoon(listener.cancel(), force);
    await this.#casts.stop(force);
    await this.#calls.stop(force);
    await answeredSoon(listener.close(), force);
  }

  health(): Health {
    return this.#listener?.health() ?? { ok: false, detail: `${this.name}: not started` };
  }

  /** Sends a message to our own queue and resolves when it has come back: proof that this server consumes. */
  async probe(signal: AbortSignal): Promise<void> {
    if (this.#probe === undefined) throw new Error(`${this.name}: not started`);
    await this.#probe.run(signal);
  }

  #onDelivery(delivery: Delivery): void {
    if (delivery.redelivered) this.#given.tally({ what: 'redelivered' });
    let request: WireRequest;
    try {
      request = parseRequest(parseBody(delivery.body));
    } catch (error) {
      this.#log.error({ err: toError(error), queue: delivery.queue }, 'dropped a message that is no request');
      delivery.reject();
      return;
    }
    if (this.#probe?.accepts(delivery, request) === true) return;
    try {
      this.#dispatch(delivery, request);
    } catch (error) {
      this.#refuse(delivery, request, toError(error));
    }
  }

  #dispatch(delivery: Delivery, wire: WireRequest): void {
    if (this.#given.pingEnabled && wire.method === 'oslo_rpc_server_ping') {
      this.#calls.answer(delivery, wire.replyTo, 'pong');
      return;
    }
    const kind = this.#kindOf(wire);
    const request = decodeRequest(wire, delivery.body);
    if (kind === 'cast') {
      // Somebody may call what is a cast: the answer says no more than that the request is safe.
      this.#casts.take(delivery, request, () => this.#calls.answer(delivery, wire.replyTo, null));
      return;
    }
    const timeoutMs = delivery.expirationMs ?? this.#given.responseTimeoutMs();
    this.#calls.take(delivery, { request, replyTo: wire.replyTo, timeoutMs });
  }

  #kindOf({ method, version, namespace }: WireRequest): 'call' | 'cast' {
    if (namespace !== null || !isVersionServed(version, this.#given.service.version)) {
      throw unsupportedVersion(version, method);
    }
    const kind = method.startsWith('_') ? null : this.#given.service.kindOf(method);
    if (kind === null) throw noSuchMethod(method);
    return kind;
  }

  #refuse(delivery: Delivery, { method, replyTo, context }: WireRequest, error: Error): void {
    this.#log.error({ err: error, method, request_id: context['request_id'] }, 'refused a request');
    this.#calls.answer(delivery, replyTo, error);
  }
}

/** Throws a `WireError` naming the part that does not fit. */
export function decodeRequest(wire: WireRequest, body: Buffer): RpcRequest {
  const plain = toPlain(decodeEntity('args', wire.args));
  if (!isJsonObject(plain)) throw new WireError('args', 'is no set of named arguments; send a JSON object');
  return {
    method: wire.method,
    version: wire.version,
    uniqueId: isId(wire.uniqueId) ? wire.uniqueId : bodyId(body),
    context: decodeContext(wire.context).request,
    plain,
    wire: { args: wire.args, context: withoutCredentials(wire.context) },
  };
}

/** As the journal can hold it, and tell it from others. */
function isId(text: string | null): text is string {
  return text !== null && /^[\x21-\x7e]{1,255}$/.test(text);
}

/** A sender that gives no id, or none that could be one: the same message, handed out twice, must still be one. */
function bodyId(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 32);
}
