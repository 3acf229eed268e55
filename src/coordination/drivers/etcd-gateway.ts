import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { JsonObject } from '../../domain/json.ts';
import { raceAbort } from '../../kernel/abort.ts';
import { Backoff } from '../../kernel/backoff.ts';
import type { Health } from '../../kernel/component.ts';
import { messageOf, TimeoutError } from '../../kernel/errors.ts';
import type { Logger } from '../../log/logger.ts';
import type { EtcdSpec, HostPort } from '../backend-spec.ts';
import { CoordinationError } from '../coordinator.ts';
import { anything } from './etcd-requests.ts';
import { EtcdWatch } from './etcd-watch.ts';
import { ServingGate } from './serving-gate.ts';
import { readTlsFiles } from './tls-files.ts';

/** The names under which releases of etcd serve the gateway, newest first. */
const apiVersions = ['v3', 'v3beta', 'v3alpha'] as const;

/** gRPC's codes that say that etcd knows us and says no, or does not know us. */
const refusals: readonly number[] = [3, 7, 16];
const unauthenticated = 16;
const failedPrecondition = 9;

/** etcd's own answer that it did not do what it was asked. */
export class EtcdError extends Error {
  readonly grpcCode: number;
  readonly status: number;

  constructor(message: string, grpcCode: number, status: number) {
    super(message);
    this.grpcCode = grpcCode;
    this.status = status;
  }
}

/**
 * etcd's JSON gateway on the server that answers now. A call goes out once: what failed may have happened, and the
 * caller knows whether it may be said again. A server that does not answer, or has no leader, is left for the next.
 */
export class EtcdGateway {
  readonly #spec: EtcdSpec;
  readonly #log: Logger;
  readonly #use: string;
  readonly #gate = new ServingGate('etcd');
  readonly #backoff: Backoff;
  #agent: HttpAgent;
  #at = 0;
  /** How many servers were left so far: who failed on one that was left already blames no other. */
  #left = 0;
  #api: string | undefined;
  #token: string | undefined;

  /** @param use as operators read it in the log: a replica has several connections */
  constructor(spec: EtcdSpec, log: Logger, use: string) {
    this.#spec = spec;
    this.#log = log;
    this.#use = use;
    this.#backoff = new Backoff(spec.reconnect);
    this.#agent = newAgent(spec);
    this.#api = spec.apiVersion;
  }

  /** Resolves when a server has answered; rejects with `CoordinationError` if none does, or we are refused. */
  async start(signal: AbortSignal): Promise<void> {
    for (let tries = this.#spec.servers.length; ; tries -= 1) {
      try {
        await raceAbort(this.probe(), signal);
        return;
      } catch (error) {
        if (tries > 1 && !(error instanceof CoordinationError) && !signal.aborted) continue;
        this.close();
        if (signal.aborted || error instanceof CoordinationError) throw error;
        throw new CoordinationError(`no etcd at ${describe(this.#spec)}: ${messageOf(error)}`, { cause: error });
      }
    }
  }

  /** A read that needs a leader and its majority. */
  async probe(): Promise<void> {
    await this.call('kv/range', anything);
  }

  health(): Health {
    return this.#gate.health();
  }

  /** Until the next look at etcd: while it is away, as often as locks are renewed if somebody needs it, else ever more seldom. */
  pauseMs(isNeeded: boolean): number {
    const { beatMs } = this.#spec;
    if (this.#gate.problem === undefined) {
      this.#backoff.reset();
      return beatMs;
    }
    const pauseMs = this.#backoff.nextMs();
    return isNeeded ? Math.min(pauseMs, beatMs) : pauseMs;
  }

  /** Resolves once the last call was answered. Calls of somebody else find that out: the beat's. */
  whenWell(signal: AbortSignal): Promise<void> {
    return this.#gate.whenOpen(signal);
  }

  /** Rejects with `CoordinationError` if etcd refuses us for good, with `EtcdError` where it says no otherwise. */
  async call(path: string, body: JsonObject): Promise<JsonObject> {
    const left = this.#left;
    try {
      const answer = await this.#authorised(path, body);
      if (this.#gate.open()) this.#log.info({ use: this.#use }, `connected to etcd at ${this.#server()}`);
      return answer;
    } catch (error) {
      if (error instanceof EtcdError && refusals.includes(error.grpcCode)) {
        this.#gate.shut(error.message);
        throw new CoordinationError(`etcd refuses us: ${error.message}`, { cause: error });
      }
      // A 4xx is an answer to this one request; anything else says that this server is no use now.
      if (left === this.#left && (!(error instanceof EtcdError) || error.status >= 500)) this.#leave(messageOf(error));
      throw error;
    }
  }

  /** A connection of its own, for as long as it is open. */
  watch(body: JsonObject): EtcdWatch {
    return new EtcdWatch((signal) => this.#send(`${this.#api ?? ''}/watch`, body, false, signal));
  }

  close(): void {
    this.#agent.destroy();
    this.#gate.shut('closed');
  }

  async #authorised(path: string, body: JsonObject): Promise<JsonObject> {
    this.#api ??= await this.#findApi();
    const knownBefore = this.#token !== undefined;
    if (this.#spec.username !== undefined) this.#token ??= await this.#authenticate();
    try {
      return await this.#post(`${this.#api}/${path}`, body);
    } catch (error) {
      // A token lasts for some minutes, and a server that was restarted does not know it: refused, so not done.
      if (!knownBefore || !(error instanceof EtcdError) || error.grpcCode !== unauthenticated) throw error;
      this.#token = await this.#authenticate();
      return this.#post(`${this.#api}/${path}`, body);
    }
  }

  async #authenticate(): Promise<string> {
    const { username: name = '', password = '' } = this.#spec;
    this.#token = undefined;
    try {
      const { token } = await this.#post(`${this.#api ?? ''}/auth/authenticate`, { name, password });
      return typeof token === 'string' ? token : '';
    } catch (error) {
      // Credentials that this etcd does not ask for.
      if (error instanceof EtcdError && error.grpcCode === failedPrecondition) return '';
      throw error;
    }
  }

  async #findApi(): Promise<string> {
    for (const version of apiVersions) {
      const found = await this.#post(`${version}/maintenance/status`, {}).then(
        () => true,
        (error: unknown) => {
          if (error instanceof EtcdError) return error.status !== 404;
          throw error;
        },
      );
      if (found) return version;
    }
    throw new CoordinationError(`${this.#server()} serves none of etcd's gateways ${apiVersions.join(', ')}`);
  }

  async #post(path: string, body: JsonObject): Promise<JsonObject> {
    const ms = this.#spec.commandTimeoutMs;
    const limit = new AbortController();
    // Timers go before sockets: an answer that came while this thread was busy shall be read first.
    const timer = setTimeout(() => setImmediate(() => limit.abort()), ms);
    try {
      const response = await this.#send(path, body, true, limit.signal);
      const text = await textOf(response);
      if (response.statusCode === 200) return JSON.parse(text) as JsonObject;
      throw errorOf(response.statusCode ?? 0, text);
    } catch (error) {
      if (limit.signal.aborted && !(error instanceof EtcdError))
        throw new TimeoutError(`etcd at ${this.#server()}`, ms);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #send(path: string, body: JsonObject, pooled: boolean, signal: AbortSignal): Promise<IncomingMessage> {
    const { host, port } = this.#spec.servers[this.#at] ?? this.#spec.servers[0];
    const authorization = this.#token === undefined || this.#token === '' ? {} : { authorization: this.#token };
    const options = {
      ...{ host, port, path: `/${path}`, method: 'POST', signal },
      headers: { 'content-type': 'application/json', ...authorization },
    };
    return new Promise((resolve, reject) => {
      const outgoing =
        this.#spec.tls === undefined
          ? httpRequest({ ...options, agent: pooled ? this.#agent : new HttpAgent() })
          : httpsRequest({ ...options, agent: pooled ? this.#agent : new HttpsAgent(readTlsFiles(this.#spec.tls)) });
      outgoing.once('response', resolve).once('error', reject).end(JSON.stringify(body));
    });
  }

  /** The next server, over new connections: those that are open may be as dead as the one that failed. */
  #leave(why: string): void {
    if (this.#gate.problem === 'closed') return;
    if (this.#gate.shut(why)) this.#log.warn({ why, use: this.#use }, `etcd at ${this.#server()} does not serve`);
    this.#left += 1;
    this.#at = (this.#at + 1) % this.#spec.servers.length;
    this.#agent.destroy();
    this.#agent = newAgent(this.#spec);
  }

  #server(): string {
    return nameOf(this.#spec.servers[this.#at] ?? this.#spec.servers[0]);
  }
}

function newAgent({ tls }: EtcdSpec): HttpAgent {
  return tls === undefined
    ? new HttpAgent({ keepAlive: true })
    : new HttpsAgent({ keepAlive: true, ...readTlsFiles(tls) });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function errorOf(status: number, text: string): EtcdError {
  try {
    const { error, message, code } = JSON.parse(text) as JsonObject;
    const said = [error, message].find((text) => typeof text === 'string') ?? text;
    return new EtcdError(said, Number(code), status);
  } catch {
    return new EtcdError(`HTTP ${status}: ${text.slice(0, 100)}`, NaN, status);
  }
}

const nameOf = ({ host, port }: HostPort): string => `${host}:${port}`;
/** Without credentials, for messages. */
const describe = ({ servers }: EtcdSpec): string => servers.map(nameOf).join(', ');
