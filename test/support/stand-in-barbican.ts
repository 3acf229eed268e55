import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of the next request for a key, instead of its answer. */
export type BarbicanFault = number | 'no answer' | { readonly lateMs: number };

/** Keystone and Barbican in one, as far as keys are read. */
export class StandInBarbican {
  readonly keys = new Map<string, Buffer>();
  /** Tokens that Barbican takes; Keystone's own (`service-1`, `service-2`, …) always, unless they are in `refused`. */
  readonly tokens = new Set<string>();
  readonly refused = new Set<string>();
  /** Of each request: path, token, service token. */
  readonly asked: string[] = [];
  readonly faults: BarbicanFault[] = [];
  readonly #server: Server = createServer((request, response) => this.#receive(request, response));
  #given = 0;

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this.url;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve).closeAllConnections());
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === '/v3/auth/tokens') return this.#giveToken(response);
    const token = String(request.headers['x-auth-token']);
    const service = request.headers['x-service-token'];
    this.asked.push(`${request.url ?? ''} ${token}${service === undefined ? '' : ` + ${String(service)}`}`);
    const fault = this.faults.shift();
    if (fault === 'no answer') return void request.socket.destroy();
    const answer = (): void => {
      const [status, body] = typeof fault === 'number' ? [fault, Buffer.alloc(0)] : this.#find(request, token);
      response.writeHead(status, { 'content-type': 'application/octet-stream' }).end(body);
    };
    if (typeof fault === 'object') setTimeout(answer, fault.lateMs);
    else answer();
  }

  #find(request: IncomingMessage, token: string): readonly [number, Buffer] {
    const none = Buffer.alloc(0);
    if (this.refused.has(token) || !(this.tokens.has(token) || token.startsWith('service-'))) return [401, none];
    const id = /^\/v1\/secrets\/([^/]+)\/payload$/.exec(request.url ?? '')?.[1];
    const key = this.keys.get(id ?? '');
    if (key === undefined) return [404, none];
    return request.headers.accept === 'application/octet-stream' ? [200, key] : [406, none];
  }

  #giveToken(response: ServerResponse): void {
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const endpoints = [{ interface: 'public', region: 'r', url: this.url }];
    const catalog = [{ type: 'key-manager', name: 'barbican', endpoints }];
    response.writeHead(201, { 'x-subject-token': `service-${(this.#given += 1)}` });
    response.end(JSON.stringify({ token: { expires_at, catalog } }));
  }
}
