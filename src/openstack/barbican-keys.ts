import type { Caller } from '../images/image-service.ts';
import { delay } from '../kernel/abort.ts';
import { messageOf } from '../kernel/errors.ts';
import { keyRefused, type KeyManager } from '../keys/key-manager.ts';
import type { Logger } from '../log/logger.ts';
import type { HttpClient } from './http-client.ts';
import type { KeystoneSession } from './keystone-session.ts';
import { OpenStackError } from './openstack-error.ts';
import type { EndpointQuery } from './service-catalog.ts';

export interface BarbicanOptions {
  readonly http: HttpClient;
  /** The service user's; null where none is configured. */
  readonly session: KeystoneSession | null;
  /** `barbican_endpoint`; null: the catalogue's. */
  readonly endpoint: string | null;
  readonly query: EndpointQuery;
  /** Whether the service user's token goes along with a user's. */
  readonly sendServiceToken: boolean;
  readonly log: Logger;
  /** Between tries, where no answer came. */
  readonly pausesMs?: readonly number[];
}

interface Answer {
  readonly status: number;
  readonly bytes: Buffer;
}

const defaultPausesMs = [1_000, 2_000, 4_000, 8_000];
/** Longer than any key; nobody else's file is read into memory. */
const longestKey = 4096;
const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const noToken =
  'the request has no token of its own (any more), and neither [barbican_service_user] nor [service_user] nor [keystone_authtoken] has credentials';

/**
 * Keys from Barbican's v1 API. They belong to the user's project: the user's own token is tried first. Whoever carries a
 * request on that somebody else has received has no such token and asks as the service user, as does a request whose
 * token Barbican does not take.
 */
export class BarbicanKeys implements KeyManager {
  readonly #options: BarbicanOptions;

  constructor(options: BarbicanOptions) {
    this.#options = options;
  }

  async get(caller: Caller, id: string, signal: AbortSignal): Promise<Buffer> {
    if (!idPattern.test(id)) throw keyRefused(`"${id}" is no key's id`);
    const { status, bytes } = await this.#answer(caller, id, signal);
    if (status === 200 && bytes.length > 0 && bytes.length <= longestKey) return bytes;
    throw keyRefused(`Barbican did not give key ${id}: ${reasonOf(status, bytes.length)}`);
  }

  /** An answer that says something definite: reading is tried again until there is one. */
  async #answer(caller: Caller, id: string, signal: AbortSignal): Promise<Answer> {
    const { log, pausesMs = defaultPausesMs } = this.#options;
    for (const [attempt, pauseMs] of [...pausesMs, null].entries()) {
      let reason: string;
      try {
        const answer = await this.#asWhoMay(caller, id, signal);
        if (answer.status < 500 && answer.status !== 429) return answer;
        reason = `HTTP ${answer.status}`;
      } catch (thrown) {
        signal.throwIfAborted();
        if (!(thrown instanceof OpenStackError)) throw thrown;
        if (thrown.outcome === 'not-started') throw keyRefused(messageOf(thrown), thrown);
        reason = messageOf(thrown);
      }
      if (pauseMs === null) throw keyRefused(`Barbican does not answer: ${reason}`);
      log.warn({ key_id: id, attempt, reason }, 'Barbican did not answer; trying again');
      await delay(pauseMs, signal);
    }
    throw new Error('unreachable');
  }

  async #asWhoMay(caller: Caller, id: string, signal: AbortSignal): Promise<Answer> {
    const { session } = this.#options;
    if (caller.auth_token !== null) {
      const answer = await this.#send(caller.auth_token, caller, id, signal);
      if (session === null || (answer.status !== 401 && answer.status !== 403)) return answer;
    }
    if (session === null) throw new OpenStackError(noToken, { outcome: 'not-started' });
    const token = await session.token(signal);
    const answer = await this.#send(token, caller, id, signal);
    if (answer.status !== 401) return answer;
    session.refused(token);
    return this.#send(await session.token(signal), caller, id, signal);
  }

  async #send(token: string, caller: Caller, id: string, signal: AbortSignal): Promise<Answer> {
    const { http, session, sendServiceToken } = this.#options;
    const url = `${await this.#base(signal)}/secrets/${id}/payload`;
    const isUsers = token === caller.auth_token;
    const service =
      isUsers && sendServiceToken && session !== null ? { 'x-service-token': await session.token(signal) } : {};
    const request_id = caller.global_request_id ?? caller.request_id;
    const headers = { accept: 'application/octet-stream', 'x-openstack-request-id': request_id };
    return http.bytes({ method: 'GET', url, headers: { ...headers, 'x-auth-token': token, ...service }, signal });
  }

  async #base(signal: AbortSignal): Promise<string> {
    const { endpoint, session, query } = this.#options;
    if (endpoint === null && session === null) {
      const message = `Barbican cannot be found: set [barbican] barbican_endpoint; ${noToken}`;
      throw new OpenStackError(message, { outcome: 'not-started' });
    }
    const url = (endpoint ?? (await session?.endpoint(query, signal)) ?? '').replace(/\/+$/, '');
    return url.endsWith('/v1') ? url : `${url}/v1`;
  }
}

function reasonOf(status: number, length: number): string {
  if (status === 404) return 'there is no such key (any more), or the volume was encrypted with another key manager';
  if (status === 401) return "it takes neither the user's token nor the service user's (HTTP 401)";
  if (status === 403)
    return 'neither the user nor the service user may read it (HTTP 403); a request that another replica has taken over is always made as the service user';
  if (status === 406) return 'what it keeps under that id is no binary key (HTTP 406)';
  return status === 200 ? `a key of ${length} bytes is impossible` : `HTTP ${status}`;
}
