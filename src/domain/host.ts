/**
 * Cinder's host strings: `host@backend#pool`. A services row has no pool, a volume's host has one; a cluster's name
 * stands in the place of `host` in exactly the same form.
 */
export interface HostParts {
  readonly host: string;
  readonly backend?: string;
  readonly pool?: string;
}

/** Splits `host@backend#pool`; every part but the first may be missing. */
export function parseHost(text: string): HostParts {
  const [beforePool = '', ...pools] = text.split('#');
  const [host = '', ...backends] = beforePool.split('@');
  return {
    host,
    ...(backends.length > 0 && { backend: backends.join('@') }),
    ...(pools.length > 0 && { pool: pools.join('#') }),
  };
}

/** `host@backend`, without the pool. */
export function backendOf(text: string): string {
  return text.split('#')[0] ?? text;
}

/** Whether two host strings mean the same backend, whatever their pools. */
export function sameBackend(one: string, other: string): boolean {
  return backendOf(one) === backendOf(other);
}

/** `cluster@backend` of every service, or `host@backend`: the journal's `backend`. */
export function workOf(services: readonly { readonly host: string; readonly cluster_name: string | null }[]): string[] {
  return [...new Set(services.map(({ cluster_name, host }) => backendOf(cluster_name ?? host)))];
}
