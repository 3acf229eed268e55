import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig, type Config } from '../../src/config/load.ts';
import { syncDatabase } from '../../src/db/sync-database.ts';
import { freePort } from '../support/free-port.ts';
import { locksUrlOf, replicaConf, type More, type Times } from './configuration.ts';
import { Links, type Urls } from './links.ts';
import type { LockService } from './options.ts';
import { ReplicaSlot } from './replica-slot.ts';
import type { Servers } from './servers.ts';

export interface SiteOptions {
  /** Of the database and of the virtual host. */
  readonly name: string;
  readonly dir: string;
  /** What Node runs as a replica. */
  readonly program: string;
  readonly locks: LockService;
  readonly qcow2: boolean;
  readonly times?: Times;
  readonly more?: More;
}

/** What replicas of one cluster have together: folders, a database, a virtual host, and each its own ways to them. */
export class Site {
  readonly share: string;
  readonly traceDir: string;
  readonly databaseUrl: string;
  readonly #direct: Urls;
  readonly #options: SiteOptions;

  private constructor(options: SiteOptions, direct: Urls) {
    this.share = join(options.dir, 'share');
    this.traceDir = join(options.dir, 'trace');
    this.databaseUrl = direct.databaseUrl;
    this.#direct = direct;
    this.#options = options;
  }

  static async make({ postgres, rabbit, locks }: Servers, options: SiteOptions): Promise<Site> {
    const { name, dir } = options;
    const databaseUrl = await postgres.createDatabase(name);
    await syncDatabase(databaseUrl, { schema: null });
    await rabbit.admin.createVhost(name);
    const locksUrl = locksUrlOf(options.locks, dir, locks?.url);
    const site = new Site(options, { databaseUrl, rabbitUrl: rabbit.url, locksUrl });
    const leaving = options.more?.leavingShare;
    const folders = [site.share, site.traceDir, join(dir, 'locks'), ...(leaving === undefined ? [] : [leaving])];
    for (const folder of folders) await mkdir(folder, { recursive: true });
    if (leaving !== undefined) {
      await writeFile(join(dir, 'shares'), [leaving, site.share].map((share) => `demo:${share}\n`).join(''));
    }
    return site;
  }

  /** The place of one replica; nothing runs in it yet. */
  async slot(name: string): Promise<ReplicaSlot> {
    const [links, healthPort] = [await Links.start(this.#direct), await freePort()];
    const configFile = await this.#configure(name, healthPort, links.urls);
    const { dir, program } = this.#options;
    const logFile = join(dir, `${name}.log`);
    return new ReplicaSlot({ name, program, configFile, logFile, healthPort, traceDir: this.traceDir, links });
  }

  /** For whoever sends requests: straight to the servers. */
  async driverConfig(): Promise<Config> {
    const path = await this.#configure('driver', await freePort(), this.#direct);
    return loadConfig({ given: [{ kind: 'file', path }], environment: {} });
  }

  async #configure(host: string, healthPort: number, urls: Urls): Promise<string> {
    const { name: vhost, dir, qcow2, times, more } = this.#options;
    const file = join(dir, `${host}.conf`);
    await mkdir(join(dir, host), { recursive: true });
    const place = {
      ...urls,
      dir,
      share: this.share,
      host,
      healthPort,
      vhost,
      qcow2,
      ...(times && { times }),
      ...(more && { more }),
    };
    await writeFile(file, replicaConf(place));
    return file;
  }
}
