import type { Settings } from '../config/options/index.ts';
import type { JsonObject } from '../domain/json.ts';
import { isJsonObject } from '../domain/json.ts';
import type { Component } from '../kernel/component.ts';
import type { Tally } from '../kernel/tally.ts';
import type { Logger } from '../log/logger.ts';
import { createTransport } from '../rpc/create-transport.ts';
import { notificationFormats, OsloMessageMaker } from '../rpc/message-maker.ts';
import type { RequestCopies } from '../rpc/method.ts';
import { OutboxSender } from '../rpc/message-sender.ts';
import type { MessageMaker, MessageSender } from '../rpc/notifier.ts';
import { RpcClient } from '../rpc/rpc-client.ts';
import { CopiedRequests } from '../rpc/request-copies.ts';
import { ReplySender } from '../rpc/reply-sender.ts';
import type { Transport } from '../rpc/transport.ts';
import { decodeContext, encodeContext, serviceContext } from '../rpc/wire/context.ts';
import { decodeEntity } from '../rpc/wire/objects.ts';
import { WireError } from '../rpc/wire/wire-error.ts';
import { toPlain } from '../rpc/wire/wire-object.ts';
import { RPC_VERSION } from '../service/identity.ts';
import type { RequestCodec } from '../volume/custody-options.ts';

/** The rpc room as the other parts see it. */
export interface Messaging {
  readonly transport: Transport;
  /** All connections to brokers, to be started. */
  readonly transports: readonly Component[];
  readonly replies: ReplySender;
  readonly sender: MessageSender;
  /** Calls other services; to be started after the transports. */
  readonly caller: RpcClient;
  readonly messages: MessageMaker;
  readonly copies: RequestCopies;
  readonly codec: RequestCodec;
  /** An administrator's context with a request id of its own, in the wire's keys. */
  readonly serviceContext: () => JsonObject;
}

export function createMessaging(settings: Settings, tally: Tally, log: Logger): Messaging {
  const { service, rabbit, notifications } = settings;
  const transport = createTransport({ url: service.transportUrl, options: rabbit, tally, log });
  const replies = new ReplySender({ transport, log, giveUpAfterMs: rabbit.kombuMissingConsumerRetryTimeoutMs });
  const formats = notificationFormats(notifications.driver);
  const { transportUrl } = notifications;
  const ofNotifications =
    transportUrl === null || transportUrl === service.transportUrl
      ? {}
      : { notificationTransport: createTransport({ url: transportUrl, options: rabbit, tally, log }) };
  const ownContext = (): JsonObject => encodeContext(serviceContext());
  return {
    transport,
    transports: [transport, ...Object.values(ofNotifications).map(inBackground)],
    replies,
    caller: new RpcClient({ transport, controlExchange: service.controlExchange, log }),
    sender: new OutboxSender({
      transport,
      controlExchange: service.controlExchange,
      replies,
      formats,
      ...ofNotifications,
    }),
    messages: new OsloMessageMaker({ formats, topics: notifications.topics }),
    copies: new CopiedRequests({ transport, version: RPC_VERSION, log }),
    codec: { plain: plainArguments, context: (wire) => decodeContext(wire).request, serviceContext: ownContext },
    serviceContext: ownContext,
  };
}

/** No start waits for the broker of notifications: they stay in the outbox until it is there. */
function inBackground(transport: Transport): Component {
  return {
    name: `${transport.name} of notifications`,
    start: (signal) => {
      transport.start(signal).catch(() => undefined);
      return Promise.resolve();
    },
    stop: (how) => transport.stop(how),
    health: () => transport.health(),
  };
}

/** What the journal holds of a message, read as the server read it. */
function plainArguments(wireArgs: JsonObject): JsonObject {
  const plain = toPlain(decodeEntity('args', wireArgs));
  if (!isJsonObject(plain)) throw new WireError('args', 'is no set of named arguments; send a JSON object');
  return plain;
}
