import type { BackendSettings, Settings } from '../config/options/index.ts';
import type { ServiceRegistration } from '../db/ports/services.ts';

/**
 * The release of Cinder whose volume RPC this service speaks: Zed is `3.18`, its successors with
 * `extend_volume_completion` and `image_snap` in `reimage` are `3.20`. It goes into `services.rpc_current_version`:
 * the smallest of all rows caps every sender of the cloud, and a larger one than we serve makes senders call methods
 * that we do not know.
 */
export type VolumeRpcVersion = '3.18' | '3.20';

/**
 * The version of the object map, the same in Zed and in all releases since. Nothing else may ever be written: a Python
 * service that finds an unknown one in a services row does not start.
 */
export const OBJECT_VERSION = '1.39';

/** What the services row of one enabled backend says, and the binary and topic of its row. */
export interface IdentityOptions {
  readonly rpcVersion?: VolumeRpcVersion;
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
  const { rpcVersion = '3.18', binary = 'cinder-volume' } = options;
  const cluster = service.cluster?.trim() ?? '';
  return {
    host: `${backend.backendHost ?? service.host}@${backendName}`,
    binary,
    topic: binary,
    availabilityZone: backend.backendAvailabilityZone ?? service.storageAvailabilityZone,
    rpcVersion,
    objectVersion: OBJECT_VERSION,
    clusterName: cluster === '' ? null : `${cluster}@${backendName}`,
    disabledIfNew: !service.enableNewServices,
  };
}
