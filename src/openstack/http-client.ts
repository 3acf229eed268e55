import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InvalidInputError, messageOf, toError } from '../kernel/errors.ts';
import { OpenStackError } from './openstack-error.ts';

/** How a server's certificate is checked, and our own. Files in PEM format. */
export interface TlsOptions {
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
  readonly insecure: boolean;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is sent in chunks and destroyed in any case. */
  readonly body?: string | Readable;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Must be read or destroyed. */
  readonly body: IncomingMessage;
}

/** Longest answer that is read as a whole; images are streamed. */
const longestAnswer = 16 * 1024 * 1024;

/**
 * Requests to OpenStack's services. Node's own http and https, because its `fetch` takes no certificates of one's own
 * without a package beside it. Redirects are not followed: a token must not go where somebody else points.
 */
export class HttpClient {
  readonly #tls: TlsOptions;
  readonly #idleMs: number;
  readonly #plain = new HttpAgent({ keepAlive: true, maxFreeSockets: 4 });
  #secure: Promise<HttpsAgent> | undefined;

  /** @param idleMs of silence, after which a request is given up */
  constructor(tls: TlsOptions, idleMs: number) {
    this.#tls = tls;
    this.#idleMs = idleMs;
  }

  /** @throws OpenStackError where no answer came; any status is an answer */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const url = parseUrl(request.url);
    const secure = url.protocol === 'https:';
    const agent = secure ? await this.#secureAgent() : this.#plain;
    const { method, headers = {}, signal } = request;
    // `timeout` counts silence in both directions, connecting included, which `setTimeout` of a request leaves out.
    const options = { method, headers, agent, signal, timeout: this.#idleMs };
    const client = (secure ? httpsRequest : httpRequest)(url, options);
    client.once('timeout', () => client.destroy(new Error(`no sign of life for ${this.#idleMs} ms`)));
    let connected = false;
    client.once('socket', (socket) => {
      if (client.reusedSocket) connected = true;
      else socket.once(secure ? 'secureConnect' : 'connect', () => (connected = true));
    });
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      client.once('response', resolve);
      client.on('error', reject);
    });
    try {
      const body = await this.#exchange(client, answer, request);
      return { status: body.statusCode ?? 0, headers: body.headers, body };
    } catch (thrown) {
      request.signal.throwIfAborted();
      throw unanswered(url, thrown, connected);
    }
  }

  /** The whole answer as text. */
  async text(request: HttpRequest): Promise<Omit<HttpAnswer, 'body'> & { readonly text: string }> {
    const { bytes, ...answer } = await this.bytes(request);
    return { ...answer, text: bytes.toString('utf8') };
  }

  /** The whole answer. */
  async bytes(request: HttpRequest): Promise<Omit<HttpAnswer, 'body'> & { readonly bytes: Buffer }> {
    const { status, headers, body } = await this.send(request);
    try {
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > longestAnswer) throw new Error(`the answer is longer than ${longestAnswer} bytes`);
        chunks.push(chunk);
      }
      return { status, headers, bytes: Buffer.concat(chunks) };
    } catch (thrown) {
      request.signal.throwIfAborted();
      throw unanswered(parseUrl(request.url), thrown);
    }
  }

  async #exchange(
    client: ReturnType<typeof httpRequest>,
    answer: Promise<IncomingMessage>,
    { body }: HttpRequest,
  ): Promise<IncomingMessage> {
    if (body === undefined || typeof body === 'string') {
      client.end(body);
      return answer;
    }
    // A server may refuse before it has read everything: its answer counts then, not the broken pipe.
    const sending = pipeline(body, client).catch((thrown: unknown) => toError(thrown));
    const first = await Promise.race([answer, sending.then((failed) => (failed instanceof Error ? failed : null))]);
    if (first instanceof Error) {
      return Promise.race([answer, new Promise<never>((_, reject) => setTimeout(() => reject(first), 1_000).unref())]);
    }
    const message = first ?? (await answer);
    body.destroy();
    await sending;
    return message;
  }

  #secureAgent(): Promise<HttpsAgent> {
    this.#secure ??= this.#makeSecureAgent().catch((thrown: unknown) => {
      this.#secure = undefined;
      throw thrown;
    });
    return this.#secure;
  }

  async #makeSecureAgent(): Promise<HttpsAgent> {
    const { caFile, certFile, keyFile, insecure } = this.#tls;
    const [ca, cert, key] = await Promise.all([pem(caFile), pem(certFile), pem(keyFile ?? certFile)]);
    return new HttpsAgent({
      keepAlive: true,
      maxFreeSockets: 4,
      rejectUnauthorized: !insecure,
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && key !== undefined && { cert, key }),
    });
  }
}

async function pem(file: string | null): Promise<Buffer | undefined> {
  if (file === null) return undefined;
  try {
    return await readFile(file);
  } catch (cause) {
    throw new InvalidInputError('certificate file', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text))
    throw new InvalidInputError('URL', `"${text}" is none; it must begin with http:// or https://`);
  return new URL(text);
}

function unanswered(url: URL, thrown: unknown, sent = true): OpenStackError {
  return new OpenStackError(`${url.origin}: ${messageOf(thrown)}`, { cause: thrown, outcome: 'unknown', sent });
}
