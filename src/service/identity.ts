import type { BackendSettings, Settings } from '../config/options/index.ts';
import type { ServiceRegistration } from '../db/ports/services.ts';

/**
 * The newest version of Cinder's volume RPC that is served: Zed's is `3.18`; `extend_volume_completion` came with `3.19`
 * (2024.2), `image_snap` in `reimage` with `3.20` (2025.2). It goes into `services.rpc_current_version`, in every cloud
 * the same: the smallest of all rows caps every sender, for all backends, so a smaller one takes methods away from
 * others, and a larger one than a sender knows takes nothing from it.
 */
export const RPC_VERSION = '3.20';

/**
 * The version of the object map, the same in Zed and in all releases since. Nothing else may ever be written: a Python
 * service that finds an unknown one in a services row does not start.
 */
export const OBJECT_VERSION = '1.39';

/** What the services row of one enabled backend says, and the binary and topic of its row. */
export interface IdentityOptions {
  /**
   * `cinder-volume`; `cinder-volume-aa` for a row that only `workers.service_id` needs and that scheduler and API must
   * not see (one host name shared by replicas, or with a Python peer).
   */
  readonly binary?: 'cinder-volume' | 'cinder-volume-aa';
}

/** Puts the names of one backend together by upstream's rules: `host@section`, `cluster@section`. */
export function identityOf(
  backendName: string,
  service: Pick<Settings['service'], 'host' | 'cluster' | 'storageAvailabilityZone' | 'enableNewServices'>,
  backend: Pick<BackendSettings, 'backendHost' | 'backendAvailabilityZone'>,
  options: IdentityOptions = {},
): ServiceRegistration {
  const { binary = 'cinder-volume' } = options;
  const cluster = service.cluster?.trim() ?? '';
  return {
    host: `${backend.backendHost ?? service.host}@${backendName}`,
    binary,
    topic: binary,
    availabilityZone: backend.backendAvailabilityZone ?? service.storageAvailabilityZone,
    rpcVersion: RPC_VERSION,
    objectVersion: OBJECT_VERSION,
    clusterName: cluster === '' ? null : `${cluster}@${backendName}`,
    disabledIfNew: !service.enableNewServices,
  };
}
