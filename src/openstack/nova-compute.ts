import type { HttpClient } from './http-client.ts';
import type { KeystoneSession } from './keystone-session.ts';
import { OpenStackError } from './openstack-error.ts';
import type { EndpointQuery } from './service-catalog.ts';

export interface NovaOptions {
  readonly http: HttpClient;
  /** Null where no user is configured for it. */
  readonly session: KeystoneSession | null;
  readonly endpoint: EndpointQuery;
}

/** The volume `to` is to take the place of `from` in a server. */
export interface VolumeSwap {
  readonly serverId: string;
  readonly from: string;
  readonly to: string;
}

/** Nova's API, in the version that every release has. */
export class NovaCompute {
  readonly #options: NovaOptions;

  constructor(options: NovaOptions) {
    this.#options = options;
  }

  async swapVolume({ serverId, from, to }: VolumeSwap, signal: AbortSignal): Promise<void> {
    const path = `/servers/${encodeURIComponent(serverId)}/os-volume_attachments/${encodeURIComponent(from)}`;
    const body = JSON.stringify({ volumeAttachment: { volumeId: to } });
    const first = await this.#put(path, body, signal);
    // The token may have ended before its time.
    const { status, text } = first.status === 401 ? await this.#put(path, body, signal) : first;
    if (status === 202 || status === 200) return;
    throw new OpenStackError(`Nova answered HTTP ${status}: ${text.slice(0, 500)}`, {
      outcome: status >= 500 ? 'unknown' : 'failed',
      status,
    });
  }

  async #put(path: string, body: string, signal: AbortSignal): Promise<{ status: number; text: string }> {
    const { http, session, endpoint } = this.#options;
    if (session === null) {
      const message = 'a server has the volume, and Nova cannot be asked: [nova] has no credentials';
      throw new OpenStackError(message, { outcome: 'not-started' });
    }
    const token = await session.token(signal);
    const url = `${await session.endpoint(endpoint, signal)}${path}`;
    const headers = { 'x-auth-token': token, 'content-type': 'application/json', accept: 'application/json' };
    const { status, text } = await http.text({ method: 'PUT', url, headers, body, signal });
    if (status === 401) session.refused(token);
    return { status, text };
  }
}
