import { InvalidInputError } from '../kernel/errors.ts';
import type { HostPort } from './backend-spec.ts';

/** The option that all errors of this file name. */
export const field = '[coordination] backend_url';

/**
 * A Tooz URL's parts. Tooz uses user, password and options as they stand (only options are percent-decoded), so a
 * password with `%40` in it is that text on both sides.
 */
export interface ToozUrl {
  readonly scheme: string;
  readonly username?: string;
  readonly password?: string;
  /** What stands between the credentials and the path: `host:port`, several of them, or nothing. */
  readonly hosts: string;
  readonly path: string;
  readonly options: UrlOptions;
}

/** Parses `scheme://[user[:password]@]host[:port][,host…][/path][?option=value&…]`. */
export function parseToozUrl(url: string): ToozUrl {
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/i.exec(url);
  // The URL holds a password, so it is not repeated.
  if (match === null)
    throw new InvalidInputError(field, 'is no URL like zookeeper://host:2181 or file:///var/lib/cinder');
  const [, scheme = '', authority = '', path = '', query = ''] = match;
  const at = authority.lastIndexOf('@');
  const [username, password] = splitOnce(authority.slice(0, Math.max(0, at)), ':');
  return {
    scheme: scheme.toLowerCase(),
    ...(username === '' ? {} : { username }),
    ...(password === undefined || password === '' ? {} : { password }),
    hosts: authority.slice(at + 1),
    path,
    options: new UrlOptions(scheme.toLowerCase(), new URLSearchParams(query)),
  };
}

/** `host:port`, `[v6]:port` or either without the port; `fallbackPort` undefined: the port must be given. */
export function parseHostPort(text: string, fallbackPort: number | undefined): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? fallbackPort : Number(match[3]);
  if (host === undefined) throw new InvalidInputError(field, `"${text}" is no host:port`);
  if (port === undefined || port < 1 || port > 65535) throw new InvalidInputError(field, `"${text}" needs a port`);
  return { host, port };
}

/** A URL's options, each read once by name; `finish` refuses those that nobody read. */
export class UrlOptions {
  readonly #scheme: string;
  readonly #values: URLSearchParams;
  readonly #known = new Set<string>();

  constructor(scheme: string, values: URLSearchParams) {
    this.#scheme = scheme;
    this.#values = values;
  }

  /** Of a repeated option the last counts, as in Tooz. */
  text(name: string): string | undefined {
    return this.list(name).at(-1);
  }

  list(name: string): readonly string[] {
    this.#known.add(name);
    return this.#values.getAll(name);
  }

  /** A positive number of seconds, in milliseconds. */
  secondsAsMs(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const seconds = Number(text);
    if (text.trim() === '' || !(seconds > 0 && seconds <= 86_400))
      this.#refuse(name, `"${text}" is no number of seconds`);
    return seconds * 1000;
  }

  /** oslo.utils' words for true and false. */
  flag(name: string): boolean | undefined {
    const text = this.text(name)?.toLowerCase();
    if (text === undefined) return undefined;
    if (['1', 't', 'true', 'on', 'y', 'yes'].includes(text)) return true;
    if (['0', 'f', 'false', 'off', 'n', 'no'].includes(text)) return false;
    return this.#refuse(name, `"${text}" is neither true nor false`);
  }

  integer(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    return /^\d{1,9}$/.test(text) ? Number(text) : this.#refuse(name, `"${text}" is no whole number`);
  }

  /** Options of Tooz that say nothing to us: how Python's client retries, its groups, its encodings. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#known.add(name);
  }

  finish(): void {
    const unknown = [...this.#values.keys()].find((name) => !this.#known.has(name));
    if (unknown === undefined) return;
    const known = [...this.#known].sort().join(', ');
    this.#refuse(unknown, `is not an option of ${this.#scheme}://; those are ${known}`);
  }

  #refuse(name: string, problem: string): never {
    throw new InvalidInputError(field, `option ${name}: ${problem}`);
  }
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
