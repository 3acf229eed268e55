import type { JsonObject } from '../domain/json.ts';
import type { AssistedCreation, AssistedRemoval, AssistedSnapshots } from '../drivers/assisted-snapshots.ts';
import type { Compute, Swap } from '../volume/compute.ts';
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

/**
 * Nova's API, in the version that every release has (2.1). Each request resolves when Nova has taken it.
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
    return this.#ask('PUT', path, signal, { volumeAttachment: { volumeId: to } });
  }

  createSnapshot({ volumeId, snapshotId, newFile }: AssistedCreation, signal: AbortSignal): Promise<void> {
    const create_info = { snapshot_id: snapshotId, type: 'qcow2', new_file: newFile };
    return this.#ask('POST', assisted, signal, { snapshot: { volume_id: volumeId, create_info } });
  }

  removeSnapshot(asked: AssistedRemoval, signal: AbortSignal): Promise<void> {
    const { volumeId, snapshotId, fileToMerge, mergeTarget } = asked;
    const info = { volume_id: volumeId, type: 'qcow2', file_to_merge: fileToMerge, merge_target_file: mergeTarget };
    const query = new URLSearchParams({ delete_info: JSON.stringify(info) });
    return this.#ask('DELETE', `${assisted}/${encodeURIComponent(snapshotId)}?${query.toString()}`, signal);
  }

  /** A token that ended before its time is replaced once: what was refused has had no effect. */
  async #ask(method: 'PUT' | 'POST' | 'DELETE', path: string, signal: AbortSignal, body?: JsonObject): Promise<void> {
    const first = await this.#send(method, path, signal, body);
    const { status, text } = first.status === 401 ? await this.#send(method, path, signal, body) : first;
    if (status >= 200 && status < 300) return;
    throw new OpenStackError(`Nova answered HTTP ${status}: ${text.slice(0, 500)}`, {
      outcome: status >= 500 ? 'unknown' : 'failed',
      status,
    });
  }

  async #send(
    method: 'PUT' | 'POST' | 'DELETE',
    path: string,
    signal: AbortSignal,
    body?: JsonObject,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { http, session, endpoint } = this.#options;
    if (session === null) {
      const message = 'a server has the volume, and Nova cannot be asked: [nova] has no credentials';
      throw new OpenStackError(message, { outcome: 'not-started' });
    }
    const token = await session.token(signal);
    const url = `${await session.endpoint(endpoint, signal)}${path}`;
    const headers = { 'x-auth-token': token, 'content-type': 'application/json', accept: 'application/json' };
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const { status, text } = await http.text({ method, url, headers, ...content, signal });
    if (status === 401) session.refused(token);
    return { status, text };
  }
}
