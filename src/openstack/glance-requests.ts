import type { Readable } from 'node:stream';
import { delay } from '../kernel/abort.ts';
import { messageOf, toError } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { Caller } from '../images/image-service.ts';
import type { GlanceServers } from './glance-servers.ts';
import type { HttpAnswer, HttpClient } from './http-client.ts';
import type { KeystoneSession } from './keystone-session.ts';
import { OpenStackError } from './openstack-error.ts';

/** Upstream's pause between two tries. */
const pauseMs = 1_000;

export interface GlanceRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** From the version on: `/v2/images/…`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Opened anew for each try. */
  readonly body?: () => Readable;
}

export interface GlanceRequestsOptions {
  readonly http: HttpClient;
  readonly servers: GlanceServers;
  /** The service user's; null where none is configured. */
  readonly session: KeystoneSession | null;
  /** `[service_user] send_service_user_token`: its token goes along with a user's. */
  readonly sendServiceToken: boolean;
  /** `glance_num_retries`. */
  readonly retries: number;
  readonly log: Logger;
}

/** Requests to Glance's API servers: authorised, and tried again at the next server where they did not get through. */
export class GlanceRequests {
  readonly #options: GlanceRequestsOptions;

  constructor(options: GlanceRequestsOptions) {
    this.#options = options;
  }

  /**
   * `use` reads one server's answer; an `OpenStackError` of unknown outcome that it throws (a connection that broke in
   * the middle) counts like no answer.
   *
   * @throws OpenStackError with the last try's reason
   */
  async run<T>(
    caller: Caller,
    request: GlanceRequest,
    signal: AbortSignal,
    use: (answer: HttpAnswer) => Promise<T>,
  ): Promise<T> {
    const servers = await this.#options.servers.inOrder(signal);
    for (let attempt = 0; ; attempt += 1) {
      const server = servers[attempt % servers.length] ?? servers[0];
      try {
        return await this.#once(caller, server, request, signal, use);
      } catch (thrown) {
        signal.throwIfAborted();
        if (!isWorthAnotherTry(thrown) || attempt >= this.#options.retries) throw toError(thrown);
        this.#options.log.warn({ server, attempt, reason: messageOf(thrown) }, 'Glance did not answer; trying again');
        await delay(pauseMs, signal);
      }
    }
  }

  /**
   * A user's token that has expired meanwhile is replaced by the service user's: the API has let the user in. The service
   * user's is replaced once: Keystone may have taken back the one that is kept here, which also goes along with a user's.
   */
  async #once<T>(
    caller: Caller,
    server: string,
    request: GlanceRequest,
    signal: AbortSignal,
    use: (answer: HttpAnswer) => Promise<T>,
  ): Promise<T> {
    const { session } = this.#options;
    const tokens = caller.auth_token === null ? [null] : [caller.auth_token, null];
    if (session !== null) {
      for (const token of tokens) {
        const answer = await this.#send(token, caller, server, request, signal);
        if (answer.status !== 401) return this.#used(answer, use);
        answer.body.destroy();
        if (token === null) session.refused(await session.token(signal));
      }
    }
    return this.#used(
      await this.#send(session === null ? caller.auth_token : null, caller, server, request, signal),
      use,
    );
  }

  async #send(
    userToken: string | null,
    caller: Caller,
    server: string,
    { method, path, headers, body }: GlanceRequest,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const tokens = await this.#tokens(userToken, signal);
    const request_id = caller.global_request_id ?? caller.request_id;
    const all = { accept: '*/*', 'x-openstack-request-id': request_id, ...headers, ...tokens };
    const url = `${server}${path}`;
    return this.#options.http.send({ method, url, headers: all, signal, ...(body !== undefined && { body: body() }) });
  }

  async #tokens(userToken: string | null, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const { session, sendServiceToken } = this.#options;
    if (userToken !== null) {
      const service = sendServiceToken && session !== null ? { 'x-service-token': await session.token(signal) } : {};
      return { 'x-auth-token': userToken, ...service };
    }
    if (session === null) {
      const message =
        'the request has no token of its own (any more), and neither [service_user] nor [keystone_authtoken] has credentials';
      throw new OpenStackError(message, { outcome: 'not-started' });
    }
    return { 'x-auth-token': await session.token(signal) };
  }

  async #used<T>(answer: HttpAnswer, use: (answer: HttpAnswer) => Promise<T>): Promise<T> {
    try {
      if (answer.status === 503 || answer.status === 502 || answer.status === 504) {
        throw new OpenStackError(`Glance answered HTTP ${answer.status}`, {
          outcome: 'unknown',
          status: answer.status,
        });
      }
      return await use(answer);
    } finally {
      answer.body.destroy();
    }
  }
}

function isWorthAnotherTry(thrown: unknown): boolean {
  return thrown instanceof OpenStackError && thrown.outcome === 'unknown';
}
