import { childAbort } from '../kernel/abort.ts';
import { messageOf, TimeoutError } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { RequestCopies, RpcRequest } from './method.ts';
import { copiesOf } from './queue-names.ts';
import { decodeRequest } from './rpc-server.ts';
import type { Transport } from './transport.ts';
import { parseBody, parseRequest } from './wire/envelope.ts';
import { isVersionServed } from './wire/version.ts';

/** A broker that does not answer must not hold up whoever looks: he looks again. */
const LOOK_TIMEOUT_MS = 30_000;

/** Requests among the copies that a transport keeps: read as those that arrive are. */
export class CopiedRequests implements RequestCopies {
  readonly #transport: Transport;
  readonly #version: string;
  readonly #log: Logger;

  /** @param given.version `3.n`, the newest that is served */
  constructor(given: { transport: Transport; version: string; log: Logger }) {
    this.#transport = given.transport;
    this.#version = given.version;
    this.#log = given.log;
  }

  async each(
    topic: string,
    method: string,
    onRequest: (request: RpcRequest) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const onCopy = (body: Buffer): void => {
      // Before it is parsed: most are something else.
      if (!body.includes(method)) return;
      const request = this.#read(body);
      if (request?.method === method) onRequest(request);
    };
    const inTime = childAbort(signal);
    const late = (): void => inTime.abort(new TimeoutError('reading the copies of requests', LOOK_TIMEOUT_MS));
    const timer = setTimeout(late, LOOK_TIMEOUT_MS);
    try {
      await this.#transport.readCopies(copiesOf(topic), onCopy, inTime.signal);
    } finally {
      clearTimeout(timer);
      inTime.detach();
    }
  }

  #read(body: Buffer): RpcRequest | null {
    try {
      const wire = parseRequest(parseBody(body));
      if (wire.namespace !== null || !isVersionServed(wire.version, this.#version)) return null;
      return decodeRequest(wire, body);
    } catch (error) {
      // Whoever received the message has said what is wrong with it.
      this.#log.debug({ problem: messageOf(error) }, 'skipped a copy that is no request');
      return null;
    }
  }
}
