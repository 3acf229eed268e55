import type { RequestContext } from '../domain/context.ts';
import type { JsonObject } from '../domain/json.ts';
import type { OutboxMessage } from '../db/ports/custody.ts';

/**
 * Makes outgoing messages as plain data for the outbox; nothing is sent here. The outbox sends what was committed,
 * and the unique id that is fixed here makes a message that is sent twice one message.
 */
export interface MessageMaker {
  /** False: `notification` answers `[]`, so that nobody need read the database for a payload. */
  readonly enabled: boolean;
  /** `[]` where no notification driver is configured: then events cost nothing. */
  notification(
    context: RequestContext,
    publisherId: string,
    eventType: string,
    payload: JsonObject,
  ): readonly OutboxMessage[];
  cast(
    context: JsonObject,
    target: { topic: string; server?: string },
    method: string,
    version: string,
    args: JsonObject,
  ): OutboxMessage;
  fanout(context: JsonObject, topic: string, method: string, version: string, args: JsonObject): OutboxMessage;
}

/** Sends what the outbox holds; resolves when the broker has confirmed. An unroutable cast is not an error. */
export interface MessageSender {
  send(message: OutboxMessage, signal: AbortSignal): Promise<void>;
}

/** Asks another service and waits for its reply (the command line, probes). */
export interface RpcCaller {
  call(
    target: { topic: string; server?: string },
    method: string,
    version: string,
    args: JsonObject,
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<unknown>;
  cast(
    target: { topic: string; server?: string },
    method: string,
    version: string,
    args: JsonObject,
    signal: AbortSignal,
  ): Promise<void>;
}
