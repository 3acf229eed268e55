import { InvalidInputError } from '../kernel/errors.ts';

/** One broker, with its own credentials. */
export interface BrokerHost {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

/** oslo.messaging's `transport_url`, taken apart. */
export interface TransportUrl {
  /** `rabbit` (also for `kombu`, `amqp`), or `hub`. */
  readonly driver: 'rabbit' | 'hub';
  /** At least one for rabbit; none for a hub. */
  readonly hosts: readonly BrokerHost[];
  /** A virtual host of the broker, or the path of a hub's socket. */
  readonly path: string;
  /** The query: option names with their texts; several of one name are joined by commas. */
  readonly options: ReadonlyMap<string, string>;
}

const FIELD = 'transport_url';
const DEFAULT_PORT = 5672;

/**
 * Parses `driver://[user[:pass]@]host[:port][,[userN[:passN]@]hostN[:portN]…]/vhost[?option=value…]`. User, password
 * and vhost are percent-decoded, each host has its own credentials, a missing port is 5672 even with TLS, and no host
 * at all is `guest:guest@localhost`. Errors never repeat the URL: it holds passwords.
 */
export function parseTransportUrl(text: string): TransportUrl {
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/i.exec(text.trim());
  if (match === null) throw invalid('is no URL like rabbit://user:password@host:5672/');
  const [, scheme = '', authority = '', path = '', query = ''] = match;
  const driver = driverOf(scheme.toLowerCase());
  const options = readOptions(query);
  if (driver === 'hub') return { driver, hosts: [], path: socketPath(authority, path), options };
  const hosts = authority.split(',').map((part) => part.trim());
  const named = hosts.filter((host) => host !== '').map((host) => parseHost(host));
  return { driver, hosts: named.length > 0 ? named : [LOCALHOST], path: vhostOf(path), options };
}

const LOCALHOST: BrokerHost = { host: 'localhost', port: DEFAULT_PORT, username: 'guest', password: 'guest' };

function driverOf(scheme: string): TransportUrl['driver'] {
  if (scheme === 'hub') return 'hub';
  if (['rabbit', 'kombu', 'amqp'].includes(scheme)) return 'rabbit';
  throw invalid(`has the driver "${scheme}", which is not supported; use rabbit`);
}

/** kombu's rule: a path that is empty after its first slash is the vhost `/`. */
function vhostOf(path: string): string {
  const vhost = decode(path.replace(/^\//, ''));
  return vhost === '' ? '/' : vhost;
}

function socketPath(authority: string, path: string): string {
  if (authority !== '' || path.length < 2) throw invalid('needs a socket path, as hub:///run/cinder/hub.sock');
  return decode(path);
}

function parseHost(text: string): BrokerHost {
  const at = text.lastIndexOf('@');
  const [user, password] = splitOnce(text.slice(0, Math.max(0, at)));
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(text.slice(at + 1));
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw invalid('has a host that is not of the form host, host:port or [v6]:port');
  const port = match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (port < 1 || port > 65535) throw invalid(`has the port ${port}; it must be 1 to 65535`);
  // Without a user kombu's connection falls back to guest, with a user and no password to an empty one.
  return { host, port, username: at < 0 ? 'guest' : decode(user), password: at < 0 ? 'guest' : decode(password) };
}

function splitOnce(text: string): [string, string] {
  const colon = text.indexOf(':');
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
}

function readOptions(query: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const before = options.get(name);
    options.set(name, before === undefined ? value : `${before},${value}`);
  }
  return options;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('has a % that does not begin a percent-encoded character; write it as %25');
  }
}

function invalid(problem: string): InvalidInputError {
  return new InvalidInputError(FIELD, problem);
}
