import { parseHost, backendOf } from '../domain/host.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { Volume } from '../domain/rows.ts';
import { AppError } from '../kernel/errors.ts';

/** The other backend has answered, with an error: what it was asked for is not done. */
export class PeerRefusal extends AppError {
  readonly code = 'PEER_REFUSAL';
}

/** On a backend, by its row. */
type Placed = Pick<Volume, 'host' | 'cluster_name'>;

/** The services of other backends, or of this one: ours or Python's. */
export interface Peers {
  /**
   * What a call of cinder-volume's RPC answers, as plain data.
   *
   * @throws PeerRefusal; anything else (no answer in time, no broker) says nothing of what was done
   */
  call(of: Placed, method: string, args: JsonObject, signal: AbortSignal): Promise<Json>;
}

/** The target of messages to whoever serves the backend. */
export function queueOf({ host, cluster_name: cluster }: Placed): { readonly topic: string; readonly server: string } {
  const backend = backendOf(cluster ?? host ?? '');
  return { topic: `cinder-volume.${backend}`, server: parseHost(backend).host };
}
