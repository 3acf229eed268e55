/** RabbitMQ's management interface, as far as tests need it. */
export class RabbitAdmin {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** Throws while the broker is not up with all its listeners. */
  async check(): Promise<void> {
    await this.request('GET', '/api/health/checks/local-alarms');
    await this.request('GET', '/api/health/checks/protocol-listener/amqp');
  }

  /** An empty vhost that `guest` may use. */
  async createVhost(name: string): Promise<void> {
    await this.request('PUT', `/api/vhosts/${encodeURIComponent(name)}`);
    const all = { configure: '.*', write: '.*', read: '.*' };
    await this.request('PUT', `/api/permissions/${encodeURIComponent(name)}/guest`, all);
  }

  /** Cuts the client connections of a vhost from the broker's side; returns how many there were. */
  async closeConnections(vhost: string): Promise<number> {
    const found = (await this.request('GET', `/api/vhosts/${encodeURIComponent(vhost)}/connections`)) as {
      name: string;
    }[];
    for (const { name } of found) await this.request('DELETE', `/api/connections/${encodeURIComponent(name)}`);
    return found.length;
  }

  async queues(vhost: string): Promise<readonly { readonly name: string; readonly messages?: number }[]> {
    return (await this.request('GET', `/api/queues/${encodeURIComponent(vhost)}`)) as {
      name: string;
      messages?: number;
    }[];
  }

  async deleteQueue(vhost: string, queue: string): Promise<void> {
    await this.request('DELETE', `/api/queues/${encodeURIComponent(vhost)}/${encodeURIComponent(queue)}`);
  }

  /** `definition` as in RabbitMQ's policies, such as `{ 'message-ttl': 1000 }`. */
  async setPolicy(vhost: string, name: string, pattern: string, definition: Record<string, unknown>): Promise<void> {
    const path = `/api/policies/${encodeURIComponent(vhost)}/${encodeURIComponent(name)}`;
    await this.request('PUT', path, { pattern, definition, 'apply-to': 'queues' });
  }

  /** @throws Error with the status and text of every answer but 2xx */
  async request(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}`,
        'content-type': 'application/json',
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}
