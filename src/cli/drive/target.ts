import { backendOf, parseHost } from '../../domain/host.ts';
import type { Service } from '../../domain/rows.ts';
import { InvalidInputError } from '../../kernel/errors.ts';

/** Where a volume is put: what the scheduler writes into its row, and the queue that follows from it. */
export interface Target {
  /** `host@backend#pool` */
  readonly host: string;
  /** `cluster@backend#pool`, or null. */
  readonly clusterName: string | null;
  readonly availabilityZone: string | null;
}

export interface Queue {
  readonly topic: string;
  readonly server: string;
}

type Placed = { readonly host: string | null; readonly cluster_name: string | null };

/** The queue of whoever handles this volume: the cluster's where it has one, otherwise its host's. */
export function queueOf(volume: Placed): Queue {
  const place = volume.cluster_name ?? volume.host;
  if (place === null) throw new InvalidInputError('host', 'the volume was never given to a host');
  return { topic: `cinder-volume.${backendOf(place)}`, server: parseHost(place).host };
}

export interface Candidates {
  readonly services: readonly (Service & { readonly age_ms: number })[];
  /** A service whose last sign of life is older is down. */
  readonly downAfterMs: number;
  /** `host@backend`, `cluster@backend` or only the backend's name; undefined: any. */
  readonly backend: string | undefined;
  /** The pool's name by the backend's. */
  readonly poolOf: (backend: string) => string;
}

/** What the scheduler would choose if all backends were equally full: the first that is enabled and up. */
export function chooseTarget({ services, downAfterMs, backend, poolOf }: Candidates): Target {
  const usable = services.filter(
    (service) => service.binary === 'cinder-volume' && !service.disabled && service.age_ms <= downAfterMs,
  );
  const found = usable.find((service) => backend === undefined || isMeant(service, backend));
  if (found === undefined) {
    const what = backend === undefined ? 'no cinder-volume service' : `no cinder-volume service of "${backend}"`;
    throw new InvalidInputError('backend', `${what} is enabled and up; see: cinder-volume-aa service list`);
  }
  const pool = poolOf(parseHost(found.host).backend ?? '');
  return {
    host: `${found.host}#${pool}`,
    clusterName: found.cluster_name === null ? null : `${found.cluster_name}#${pool}`,
    availabilityZone: found.availability_zone,
  };
}

function isMeant(service: Service, backend: string): boolean {
  return [service.host, service.cluster_name, parseHost(service.host).backend].includes(backend);
}
