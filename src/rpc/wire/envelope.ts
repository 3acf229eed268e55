import type { Json, JsonObject } from '../../domain/json.ts';
import { FieldReader } from './fields.ts';
import { decodeUtf8, parseJsonObject } from './json-text.ts';
import type { WireLimits } from './json-text.ts';
import { isVersionServed } from './version.ts';
import { WireError } from './wire-error.ts';

/*
 * oslo.messaging's messages. The body of every AMQP message is JSON text, the envelope, which holds the payload as JSON
 * text once more; the payload is a request, a reply or a notification. Reading is total: whatever arrives gives a
 * value or a `WireError`. A compressed body (header `compression`) is the transport's to unpack first.
 */

const ENVELOPE_VERSION = '2.0';
const VERSION_KEY = 'oslo.version';
const MESSAGE_KEY = 'oslo.message';
const CONTEXT_PREFIX = '_context_';

/** A call or a cast as it came: arguments and context are still JSON (see `objects.ts` and `context.ts`). */
export interface WireRequest {
  readonly method: string;
  readonly args: JsonObject;
  /** `X.Y`; a sender that names none means `1.0`. */
  readonly version: string;
  readonly namespace: string | null;
  /** The same in every copy of one message; null if the sender gave none. */
  readonly uniqueId: string | null;
  /** Where to send the reply; null for a cast. */
  readonly replyTo: ReplyAddress | null;
  /** The context's keys without their `_context_`. */
  readonly context: JsonObject;
}

export interface ReplyAddress {
  readonly msgId: string;
  readonly queue: string;
  /** Seconds between heartbeats that the caller wants while it waits; null: none. */
  readonly callMonitorTimeoutS: number | null;
}

export interface WireReply {
  readonly msgId: string;
  readonly uniqueId: string | null;
  readonly result: Json;
  /** JSON text for `decodeFailure`; null if the call succeeded. */
  readonly failure: string | null;
  /** False in a heartbeat of a call that goes on. */
  readonly ending: boolean;
}

/** The payload of a message body: of an envelope, or the body itself where it has none (version 1). */
export function parseBody(body: Uint8Array, limits?: WireLimits): JsonObject {
  const outer = parseJsonObject('body', decodeUtf8('body', body, limits), limits);
  if (!Object.hasOwn(outer, VERSION_KEY) || !Object.hasOwn(outer, MESSAGE_KEY)) return outer;
  const reader = new FieldReader('', outer);
  const version = reader.text(VERSION_KEY);
  if (!isVersionServed(version, ENVELOPE_VERSION)) {
    throw new WireError(VERSION_KEY, `envelope version ${version.slice(0, 20)} is unknown; send ${ENVELOPE_VERSION}`, {
      python: { name: 'UnsupportedRpcEnvelopeVersion', module: 'oslo_messaging._drivers.common' },
    });
  }
  return parseJsonObject(MESSAGE_KEY, reader.text(MESSAGE_KEY), limits);
}

/** The body of a message in an envelope. */
export function buildBody(payload: JsonObject): Buffer {
  const envelope = { [VERSION_KEY]: ENVELOPE_VERSION, [MESSAGE_KEY]: JSON.stringify(payload) };
  return Buffer.from(JSON.stringify(envelope), 'utf8');
}

export function parseRequest(payload: JsonObject): WireRequest {
  const reader = new FieldReader('', payload);
  return {
    method: reader.text('method'),
    args: reader.objectOrEmpty('args'),
    version: reader.optionalText('version') ?? '1.0',
    namespace: reader.optionalText('namespace'),
    uniqueId: reader.optionalText('_unique_id'),
    replyTo: parseReplyAddress(reader),
    context: contextOf(payload),
  };
}

export function buildRequest(request: WireRequest): JsonObject {
  const { replyTo } = request;
  return {
    method: request.method,
    args: request.args,
    ...(request.namespace !== null && { namespace: request.namespace }),
    version: request.version,
    ...(replyTo !== null && {
      _msg_id: replyTo.msgId,
      _reply_q: replyTo.queue,
      _timeout: replyTo.callMonitorTimeoutS,
    }),
    ...(request.uniqueId !== null && { _unique_id: request.uniqueId }),
    ...contextKeys(request.context),
  };
}

export function parseReply(payload: JsonObject): WireReply {
  const reader = new FieldReader('', payload);
  return {
    msgId: reader.text('_msg_id'),
    uniqueId: reader.optionalText('_unique_id'),
    result: reader.get('result') ?? null,
    failure: reader.optionalText('failure') || null,
    ending: reader.optionalFlag('ending') ?? false,
  };
}

/** All five keys are always there: a Python caller indexes them and crashes without one. */
export function buildReply(reply: WireReply & { readonly uniqueId: string }): JsonObject {
  return {
    result: reply.result,
    failure: reply.failure,
    ending: reply.ending,
    _msg_id: reply.msgId,
    _unique_id: reply.uniqueId,
  };
}

/** The context's keys of a request or notification, without their prefix. */
export function contextOf(payload: JsonObject): JsonObject {
  const keys = Object.entries(payload).filter(([key]) => key.startsWith(CONTEXT_PREFIX));
  return Object.fromEntries(keys.map(([key, value]) => [key.slice(CONTEXT_PREFIX.length), value]));
}

/** The inverse of `contextOf`. */
export function contextKeys(context: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(context).map(([key, value]) => [CONTEXT_PREFIX + key, value]));
}

function parseReplyAddress(reader: FieldReader): ReplyAddress | null {
  if ((reader.optionalText('_msg_id') ?? '') === '') return null;
  return {
    msgId: reader.text('_msg_id'),
    queue: reader.text('_reply_q'),
    callMonitorTimeoutS: reader.optionalNumber('_timeout'),
  };
}
