import { noTally, type Tally } from '../kernel/tally.ts';
import type { Logger } from '../log/logger.ts';
import { HubTransport } from './memory/hub-transport.ts';
import type { RabbitOptions } from './rabbit/rabbit-options.ts';
import { RabbitTransport } from './rabbit/rabbit-transport.ts';
import type { Transport } from './transport.ts';
import { parseTransportUrl } from './transport-url.ts';

export interface CreateTransportOptions {
  readonly url: string;
  readonly options: RabbitOptions;
  readonly tally?: Tally;
  readonly log: Logger;
}

/** The transport that `transport_url` names. Throws `InvalidInputError` for a URL or options that cannot work. */
export function createTransport(given: CreateTransportOptions): Transport {
  const url = parseTransportUrl(given.url);
  if (url.driver === 'hub') return new HubTransport(url.path, given.log);
  return new RabbitTransport(url, given.options, given.log, given.tally ?? noTally);
}
