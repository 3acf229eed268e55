import type { JsonObject } from '../domain/json.ts';
import type { AssistedCreation, AssistedRemoval, AssistedSnapshots } from '../drivers/assisted-snapshots.ts';
import type { Compute, Reimaged, Swap } from '../volume/compute.ts';
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

const assisted = '/os-assisted-volume-snapshots';

interface NovaRequest {
  readonly method: 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: JsonObject;
  /** Where 2.1, which every release has, is not enough. */
  readonly microversion?: string;
}

/**
 * Nova's API. Each request resolves when Nova has taken it.
 *
 * @throws OpenStackError: `failed` where Nova has refused, `unknown` where it may be under way all the same
 */
export class NovaCompute implements Compute, AssistedSnapshots {
  readonly #options: NovaOptions;

  constructor(options: NovaOptions) {
    this.#options = options;
  }

  swapVolume({ serverId, from, to }: Swap, signal: AbortSignal): Promise<void> {
    const path = `/servers/${encodeURIComponent(serverId)}/os-volume_attachments/${encodeURIComponent(from)}`;
    return this.#ask({ method: 'PUT', path, body: { volumeAttachment: { volumeId: to } } }, signal);
  }

  /** The event `volume-reimaged` exists from 2.93 (Zed) on, as do servers that wait for it. */
  volumeReimaged({ serverId, volumeId }: Reimaged, signal: AbortSignal): Promise<void> {
    const events = [{ name: 'volume-reimaged', server_uuid: serverId, tag: volumeId }];
    const request = { method: 'POST', path: '/os-server-external-events', body: { events } } as const;
    return this.#ask({ ...request, microversion: '2.93' }, signal);
  }

  createSnapshot({ volumeId, snapshotId, newFile }: AssistedCreation, signal: AbortSignal): Promise<void> {
    const create_info = { snapshot_id: snapshotId, type: 'qcow2', new_file: newFile };
    const body = { snapshot: { volume_id: volumeId, create_info } };
    return this.#askOnce({ method: 'POST', path: assisted, body }, signal);
  }

  removeSnapshot(asked: AssistedRemoval, signal: AbortSignal): Promise<void> {
    const { volumeId, snapshotId, fileToMerge, mergeTarget } = asked;
    const info = { volume_id: volumeId, type: 'qcow2', file_to_merge: fileToMerge, merge_target_file: mergeTarget };
    const query = new URLSearchParams({ delete_info: JSON.stringify(info) });
    const path = `${assisted}/${encodeURIComponent(snapshotId)}?${query.toString()}`;
    return this.#askOnce({ method: 'DELETE', path }, signal);
  }

  /**
   * What may have been taken is never asked for again, its sign is waited for, by every successor: so nobody may wait for
   * what has not left this machine.
   */
  async #askOnce(request: NovaRequest, signal: AbortSignal): Promise<void> {
    try {
      await this.#ask(request, signal);
    } catch (thrown) {
      if (!(thrown instanceof OpenStackError) || thrown.sent) throw thrown;
      throw new OpenStackError(thrown.message, { cause: thrown, outcome: 'not-started' });
    }
  }

  /** A token that ended before its time is replaced once: what was refused has had no effect. */
  async #ask(request: NovaRequest, signal: AbortSignal): Promise<void> {
    const first = await this.#send(request, signal);
    const { status, text } = first.status === 401 ? await this.#send(request, signal) : first;
    if (status >= 200 && status < 300) return;
    throw new OpenStackError(`Nova answered HTTP ${status}: ${text.slice(0, 500)}`, {
      outcome: status >= 500 ? 'unknown' : 'failed',
      status,
    });
  }

  async #send(
    { method, path, body, microversion }: NovaRequest,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { http, session } = this.#options;
    if (session === null) {
      const message = 'a server has the volume, and Nova cannot be asked: [nova] has no credentials';
      throw new OpenStackError(message, { outcome: 'not-started' });
    }
    const { token, base } = await this.#authorised(session, signal);
    const headers = {
      'x-auth-token': token,
      'content-type': 'application/json',
      accept: 'application/json',
      ...(microversion !== undefined && { 'x-openstack-nova-api-version': microversion }),
    };
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const { status, text } = await http.text({ method, url: `${base}${path}`, headers, ...content, signal });
    if (status === 401) session.refused(token);
    return { status, text };
  }

  /** Whatever Keystone does, or does not: Nova has not been asked then. */
  async #authorised(
    session: KeystoneSession,
    signal: AbortSignal,
  ): Promise<{ readonly token: string; readonly base: string }> {
    try {
      return { token: await session.token(signal), base: await session.endpoint(this.#options.endpoint, signal) };
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof OpenStackError)) throw thrown;
      const { message, outcome, status } = thrown;
      throw new OpenStackError(message, { cause: thrown, outcome, sent: false, ...(status !== null && { status }) });
    }
  }
}
