import type { EndpointQuery } from './service-catalog.ts';
import type { KeystoneSession } from './keystone-session.ts';
import { OpenStackError } from './openstack-error.ts';

/** Where Glance is: the configured API servers in a random order, or the one in the service catalogue. */
export class GlanceServers {
  readonly #configured: readonly string[];
  readonly #session: KeystoneSession | null;
  readonly #query: EndpointQuery;
  readonly #random: () => number;

  constructor(options: {
    readonly configured: readonly string[];
    /** The service user's; null where none is configured. */
    readonly session: KeystoneSession | null;
    readonly query: EndpointQuery;
    readonly random?: () => number;
  }) {
    this.#configured = options.configured.map(normalUrl);
    this.#session = options.session;
    this.#query = options.query;
    this.#random = options.random ?? Math.random;
  }

  /** Their URLs, without a version, in the order in which one request shall try them. */
  async inOrder(signal: AbortSignal): Promise<readonly [string, ...string[]]> {
    const [first, ...rest] = shuffled(this.#configured, this.#random);
    if (first !== undefined) return [first, ...rest];
    if (this.#session === null) {
      throw new OpenStackError(
        'where Glance is is not known; set glance_api_servers, or credentials in [service_user]',
        {
          outcome: 'not-started',
        },
      );
    }
    return [normalUrl(await this.#session.endpoint(this.#query, signal))];
  }
}

/** A server may be written without a scheme, and with a version. */
function normalUrl(server: string): string {
  const url = server.includes('//') ? server : `http://${server}`;
  return url.replace(/\/+$/, '').replace(/\/v2$/, '');
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
