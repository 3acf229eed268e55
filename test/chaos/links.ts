import { TcpProxy } from '../support/tcp-proxy.ts';

/** Where a replica finds its servers. */
export interface Urls {
  readonly databaseUrl: string;
  readonly rabbitUrl: string;
  /** `file://…` needs no way. */
  readonly locksUrl: string;
}

export type ServerName = 'rabbit' | 'postgres' | 'locks';

/**
 * - `reset`: connections break, new ones are refused.
 * - `hold`: nothing passes, and all of it comes late.
 * - `black hole`: what is sent vanishes while connections stay open; they break when it is over.
 */
export const cuts = ['reset', 'hold', 'black hole'] as const;
export type Cut = (typeof cuts)[number];

/** Until the proxy is healed. */
export function cutOff(proxy: TcpProxy, how: Cut): void {
  if (how === 'hold') proxy.pass({ toServer: 'hold', toClient: 'hold' });
  else if (how === 'black hole') proxy.blackHole();
  else {
    proxy.refuse();
    proxy.reset();
  }
}

/** One replica's ways to the servers, each of which can be cut. */
export class Links {
  readonly urls: Urls;
  readonly #proxies: ReadonlyMap<ServerName, TcpProxy>;
  #lossy: readonly TcpProxy[] = [];

  private constructor(urls: Urls, proxies: ReadonlyMap<ServerName, TcpProxy>) {
    this.urls = urls;
    this.#proxies = proxies;
  }

  static async start(direct: Urls): Promise<Links> {
    const proxies = new Map<ServerName, TcpProxy>();
    const through = async (name: ServerName, text: string): Promise<string> => {
      const url = new URL(text);
      if (url.protocol === 'file:') return text;
      const proxy = await new TcpProxy({ port: Number(url.port) }).start();
      proxies.set(name, proxy);
      return text.replace(`:${url.port}`, `:${proxy.port}`);
    };
    const urls: Urls = {
      databaseUrl: await through('postgres', direct.databaseUrl),
      rabbitUrl: await through('rabbit', direct.rabbitUrl),
      locksUrl: await through('locks', direct.locksUrl),
    };
    return new Links(urls, proxies);
  }

  cut(servers: readonly ServerName[], how: Cut): void {
    const proxies = servers.flatMap((name) => this.#proxies.get(name) ?? []);
    for (const proxy of proxies) cutOff(proxy, how);
    if (how === 'black hole') this.#lossy = [...this.#lossy, ...proxies];
  }

  heal(): void {
    for (const proxy of this.#proxies.values()) proxy.heal();
    // A stream of bytes that lacks some is no use any more.
    for (const proxy of this.#lossy) proxy.reset();
    this.#lossy = [];
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.stop()));
  }
}
