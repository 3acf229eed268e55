import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig, type Config } from '../../src/config/load.ts';
import { syncDatabase } from '../../src/db/sync-database.ts';
import { freePort } from '../support/free-port.ts';
import {
  startPostgres,
  startRabbit,
  startRedis,
  startZookeeper,
  type PostgresServer,
  type RabbitServer,
} from '../support/servers.ts';
import type { TestServer } from '../support/test-server.ts';
import { Links, type Urls } from './links.ts';
import { locksUrlOf, replicaConf } from './configuration.ts';
import type { ChaosOptions } from './options.ts';
import type { Random } from './random.ts';
import { ReplicaSlot } from './replica-slot.ts';

const readyWithinMs = 90_000;
const stopGraceMs = 20_000;
const tendEveryMs = 150;

/** How a process that died or stands still goes on. */
export interface Tending {
  /** The failpoint that the next process of a slot gets, or undefined. */
  nextFailpoint(): string | undefined;
  /** Milliseconds. */
  restartAfter(): number;
  thawAfter(): number;
}

export interface Servers {
  readonly rabbit: RabbitServer;
  readonly postgres: PostgresServer;
  readonly locks?: TestServer & { readonly url: string };
}

/** The servers and the replicas of one run. */
export class Lab {
  readonly dir: string;
  readonly share: string;
  readonly traceDir: string;
  readonly config: Config;
  readonly databaseUrl: string;
  readonly servers: Servers;
  readonly slots: readonly ReplicaSlot[];
  readonly #ended = new AbortController();
  #tending: Promise<void> | undefined;

  private constructor(parts: Pick<Lab, 'dir' | 'share' | 'traceDir' | 'config' | 'databaseUrl' | 'servers' | 'slots'>) {
    this.dir = parts.dir;
    this.share = parts.share;
    this.traceDir = parts.traceDir;
    this.config = parts.config;
    this.databaseUrl = parts.databaseUrl;
    this.servers = parts.servers;
    this.slots = parts.slots;
  }

  /** @param program what Node runs as a replica */
  static async start(options: ChaosOptions, dir: string, program: string, random: Random): Promise<Lab> {
    const [share, traceDir] = [join(dir, 'share'), join(dir, 'trace')];
    for (const folder of [share, traceDir, join(dir, 'locks')]) await mkdir(folder, { recursive: true });
    const servers = await startServers(options);
    try {
      const databaseUrl = await servers.postgres.createDatabase('chaos');
      await syncDatabase(databaseUrl, { schema: null });
      await servers.rabbit.admin.createVhost('chaos');
      const direct: Urls = {
        databaseUrl,
        rabbitUrl: servers.rabbit.url,
        locksUrl: locksUrlOf(options.locks, dir, servers.locks?.url),
      };
      const common = { dir, share, vhost: 'chaos', qcow2: random.chance(0.3) };
      const configure = async (host: string, healthPort: number, urls: Urls): Promise<string> => {
        const file = join(dir, `${host}.conf`);
        await mkdir(join(dir, host), { recursive: true });
        await writeFile(file, replicaConf({ ...common, ...urls, host, healthPort }));
        return file;
      };
      const slots: ReplicaSlot[] = [];
      for (let index = 1; index <= options.replicas; index += 1) {
        const [name, healthPort] = [`r${index}`, await freePort()];
        const links = await Links.start(direct);
        const configFile = await configure(name, healthPort, links.urls);
        const logFile = join(dir, `${name}.log`);
        slots.push(new ReplicaSlot({ name, program, configFile, logFile, healthPort, traceDir, links }));
      }
      const driverConf = await configure('driver', await freePort(), direct);
      const config = await loadConfig({ given: [{ kind: 'file', path: driverConf }], environment: {} });
      const lab = new Lab({ dir, share, traceDir, config, databaseUrl, servers, slots });
      await Promise.all(slots.map((slot) => slot.start()));
      await Promise.all(slots.map((slot) => slot.ready(AbortSignal.timeout(readyWithinMs))));
      return lab;
    } catch (error) {
      await stopServers(servers);
      throw error;
    }
  }

  /** From now on what died is started again, and what stands still goes on, each after its time. */
  tend(tending: Tending): void {
    const { signal } = this.#ended;
    const one = async (slot: ReplicaSlot): Promise<void> => {
      while (!signal.aborted) {
        await sleep(tendEveryMs);
        if (slot.heldBy !== undefined) continue;
        if (!slot.isRunning()) {
          await sleep(tending.restartAfter());
          // It died at a failpoint, or by a fault that has let go of it.
          if (!signal.aborted && slot.heldBy === undefined && !slot.isRunning())
            await slot.start(tending.nextFailpoint());
        } else if (slot.isFrozen()) {
          slot.freezes += 1;
          await sleep(tending.thawAfter());
          slot.thaw();
        }
      }
    };
    this.#tending = Promise.all(this.slots.map(one)).then(() => undefined);
  }

  /** Ends what is left of faults: every replica runs and answers. */
  async heal(): Promise<void> {
    for (const slot of this.slots) {
      slot.heldBy = undefined;
      slot.thaw();
      slot.links.heal();
    }
    const deadline = AbortSignal.timeout(readyWithinMs);
    for (const slot of this.slots) {
      while (!slot.isRunning()) {
        deadline.throwIfAborted();
        await sleep(tendEveryMs);
      }
      // A failpoint may still end it, and the next one after it.
      await slot.ready(deadline).catch(() => this.heal());
    }
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#tending;
    await Promise.all(this.slots.map((slot) => slot.stop(stopGraceMs)));
    await Promise.all(this.slots.map((slot) => slot.links.stop()));
    await stopServers(this.servers);
  }
}

export async function startServers(options: Pick<ChaosOptions, 'locks'>): Promise<Servers> {
  const [postgres, rabbit, locks] = await Promise.all([
    startPostgres(),
    startRabbit(),
    options.locks === 'redis' ? startRedis({ appendOnly: true }) : undefined,
  ]);
  const zookeeper = options.locks === 'zookeeper' ? await startZookeeper({ tickMs: 500 }) : undefined;
  const service = locks ?? zookeeper;
  return { postgres, rabbit, ...(service === undefined ? {} : { locks: service }) };
}

export async function stopServers(servers: Servers): Promise<void> {
  await Promise.all([servers.postgres.stop(), servers.rabbit.stop(), servers.locks?.stop()]);
}
