import type { Json, JsonObject } from '../domain/json.ts';
import { isJsonObject } from '../domain/json.ts';
import { raceAbort } from '../kernel/abort.ts';
import { messageOf } from '../kernel/errors.ts';
import { authRequest, identityUrl, type Credentials } from './credentials.ts';
import type { HttpClient } from './http-client.ts';
import { OpenStackError } from './openstack-error.ts';
import { findEndpoint, type EndpointQuery } from './service-catalog.ts';

/** A token is renewed so long before it ends, as keystoneauth does: a request may take a while to be checked. */
const renewBeforeMs = 30_000;
/** Nobody waits longer for a token that several have asked for at once. */
const askingMs = 120_000;

interface Held {
  readonly token: string;
  readonly expiresAtMs: number;
  readonly catalog: readonly Json[];
}

/**
 * One user's session with Keystone: its token, kept in memory until shortly before its end, and the service catalogue
 * that came with it. Whoever asks while one is being fetched waits for that one.
 */
export class KeystoneSession {
  readonly #http: HttpClient;
  readonly #section: string;
  readonly #credentials: Credentials;
  readonly #wallMs: () => number;
  #held: Held | undefined;
  #asking: Promise<Held> | undefined;

  /**
   * @param section of the configuration, for messages
   * @param wallMs the time of day, by which tokens end
   */
  constructor(http: HttpClient, section: string, credentials: Credentials, wallMs: () => number = Date.now) {
    this.#http = http;
    this.#section = section;
    this.#credentials = credentials;
    this.#wallMs = wallMs;
  }

  async token(signal: AbortSignal): Promise<string> {
    return (await this.#current(signal)).token;
  }

  /** The URL of another service. @throws OpenStackError where the catalogue has none */
  async endpoint(query: EndpointQuery, signal: AbortSignal): Promise<string> {
    return findEndpoint((await this.#current(signal)).catalog, query);
  }

  /** A service has refused this token: the next request asks for another. */
  refused(token: string): void {
    if (this.#held?.token === token) this.#held = undefined;
  }

  #current(signal: AbortSignal): Promise<Held> {
    const held = this.#held;
    if (held !== undefined && held.expiresAtMs - renewBeforeMs > this.#wallMs()) return Promise.resolve(held);
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return raceAbort(this.#asking, signal);
  }

  /** Not bound to one caller's signal: others may be waiting for it as well. */
  async #ask(): Promise<Held> {
    const url = `${identityUrl(this.#section, this.#credentials)}/auth/tokens`;
    const { status, headers, text } = await this.#http.text({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(authRequest(this.#section, this.#credentials)),
      signal: AbortSignal.timeout(askingMs),
    });
    const token = headers['x-subject-token'];
    if (status !== 201 || typeof token !== 'string') throw this.#noToken(status);
    const held = { token, ...parseToken(text) };
    this.#held = held;
    return held;
  }

  /** Keystone's own words may repeat what it was sent; they are left out. */
  #noToken(status: number): OpenStackError {
    const hint = status === 401 ? `; check the user, password and project in [${this.#section}]` : '';
    return new OpenStackError(`Keystone gave no token: HTTP ${status}${hint}`, { status });
  }
}

function parseToken(text: string): Omit<Held, 'token'> {
  const token = parse(text)['token'];
  const { expires_at: expires, catalog } = isJsonObject(token) ? token : {};
  const expiresAtMs = typeof expires === 'string' ? Date.parse(expires) : NaN;
  if (Number.isNaN(expiresAtMs)) throw new OpenStackError("Keystone's answer has no token.expires_at");
  return { expiresAtMs, catalog: Array.isArray(catalog) ? (catalog as readonly Json[]) : [] };
}

function parse(text: string): JsonObject {
  try {
    const parsed = JSON.parse(text) as Json;
    if (isJsonObject(parsed)) return parsed;
    throw new Error('not an object');
  } catch (cause) {
    throw new OpenStackError(`Keystone's answer cannot be read: ${messageOf(cause)}`, { cause });
  }
}
