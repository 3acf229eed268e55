import { isJsonObject } from '../domain/json.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import { OpenStackError } from './openstack-error.ts';

/** What is looked for in a service catalogue. */
export interface EndpointQuery {
  readonly type: string;
  /** Null: any. */
  readonly name: string | null;
  /** `public`, `internal` or `admin`. */
  readonly interface: string;
  /** Null: any, the first. */
  readonly region: string | null;
}

/** `<service type>:<service name>:<endpoint type>`, as Cinder's `*_catalog_info` options have it. */
export function parseCatalogInfo(info: string, region: string | null): EndpointQuery {
  const [type = '', name = '', endpoint = ''] = info.split(':');
  return { type, name: name === '' ? null : name, interface: endpoint.replace(/URL$/, ''), region };
}

/**
 * The URL of a service in the catalogue of a v3 token. The name is a tie-breaker, as it is upstream, where a service of
 * the right type with another name is taken as well.
 */
export function findEndpoint(catalog: readonly Json[], query: EndpointQuery): string {
  const services = catalog.filter(isJsonObject).filter(({ type }) => type === query.type);
  const named = services.filter(({ name }) => query.name === null || name === query.name);
  const found = endpointsOf(named.length > 0 ? named : services).find((endpoint) => fits(endpoint, query));
  const url = found?.['url'];
  if (typeof url === 'string') return url.replace(/\/+$/, '');
  const where = query.region === null ? '' : ` in region ${query.region}`;
  throw new OpenStackError(`the service catalogue has no ${query.interface} endpoint of type ${query.type}${where}`);
}

function endpointsOf(services: readonly JsonObject[]): readonly JsonObject[] {
  return services
    .flatMap(({ endpoints }) => (Array.isArray(endpoints) ? (endpoints as readonly Json[]) : []))
    .filter(isJsonObject);
}

function fits(endpoint: JsonObject, query: EndpointQuery): boolean {
  const { interface: kind, region, region_id: regionId } = endpoint;
  return kind === query.interface && (query.region === null || query.region === region || query.region === regionId);
}
