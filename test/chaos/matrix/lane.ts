import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDrive, type Drive } from '../../../src/cli/drive/open-drive.ts';
import { openCaller } from '../../../src/cli/drive/open-caller.ts';
import { queueOf, type Target } from '../../../src/cli/drive/target.ts';
import { loadConfig, type Config } from '../../../src/config/load.ts';
import { syncDatabase } from '../../../src/db/sync-database.ts';
import type { Json, JsonObject } from '../../../src/domain/json.ts';
import type { VolumeType } from '../../../src/domain/rows.ts';
import { freePort } from '../../support/free-port.ts';
import { eventually } from '../../support/poll.ts';
import { locksUrlOf, replicaConf, type Times } from '../configuration.ts';
import { Guest } from '../guest.ts';
import type { Servers } from '../lab.ts';
import { Links, type Urls } from '../links.ts';
import type { LockService } from '../options.ts';
import { ReplicaSlot } from '../replica-slot.ts';

const readyWithinMs = 60_000;
const vhostOf = (name: string): string => `matrix-${name}`;

/** A lock lasts as long as after this many seconds it is somebody else's. */
export const times: Times = { lockTtl: 2, presumedDead: 1 };

type Caller = Awaited<ReturnType<typeof openCaller>>;

export interface LaneOptions {
  readonly name: string;
  readonly dir: string;
  readonly program: string;
  readonly locks: LockService;
}

/** Two replicas, with a database, a virtual host and a share of their own, on which one cell after the other is run. */
export class Lane {
  readonly share: string;
  readonly traceDir: string;
  readonly guest: Guest;
  readonly config: Config;
  readonly slots: readonly ReplicaSlot[];
  readonly drive: Drive;
  readonly target: Target;
  readonly type: VolumeType;
  readonly #caller: Caller;
  readonly #armed: string;
  #cells = 0;

  private constructor(
    parts: Pick<Lane, 'share' | 'traceDir' | 'config' | 'slots' | 'drive' | 'target' | 'type'> & {
      readonly caller: Caller;
      readonly armed: string;
    },
  ) {
    this.share = parts.share;
    this.traceDir = parts.traceDir;
    this.config = parts.config;
    this.slots = parts.slots;
    this.drive = parts.drive;
    this.target = parts.target;
    this.type = parts.type;
    this.guest = new Guest(parts.share);
    this.#caller = parts.caller;
    this.#armed = parts.armed;
  }

  static async start(servers: Servers, { name, dir, program, locks }: LaneOptions): Promise<Lane> {
    const [share, traceDir, armed] = [join(dir, 'share'), join(dir, 'trace'), join(dir, 'armed')];
    for (const folder of [share, traceDir, armed, join(dir, 'locks')]) await mkdir(folder, { recursive: true });
    const databaseUrl = await servers.postgres.createDatabase(`matrix_${name}`);
    await syncDatabase(databaseUrl, { schema: null });
    await servers.rabbit.admin.createVhost(vhostOf(name));
    const locksUrl = locksUrlOf(locks, dir, servers.locks?.url);
    const direct: Urls = { databaseUrl, rabbitUrl: servers.rabbit.url, locksUrl };
    const configure = async (host: string, healthPort: number, urls: Urls): Promise<string> => {
      const file = join(dir, `${host}.conf`);
      await mkdir(join(dir, host), { recursive: true });
      const place = { ...urls, dir, share, host, healthPort, times, vhost: vhostOf(name), qcow2: false };
      await writeFile(file, replicaConf(place));
      return file;
    };
    const slots = await Promise.all(
      ['r1', 'r2'].map(async (host) => {
        const [links, healthPort] = [await Links.start(direct), await freePort()];
        const configFile = await configure(host, healthPort, links.urls);
        const logFile = join(dir, `${host}.log`);
        return new ReplicaSlot({ name: host, program, configFile, logFile, healthPort, traceDir, links });
      }),
    );
    const config = await configOf(await configure('driver', await freePort(), direct));
    await Promise.all(slots.map((slot) => slot.start(`@${join(armed, 'point')}`)));
    await Promise.all(slots.map((slot) => slot.ready(AbortSignal.timeout(readyWithinMs))));
    const drive = await openDrive(config, { bypassApi: false, signal: new AbortController().signal });
    const caller = await openCaller(config, AbortSignal.timeout(readyWithinMs));
    const [target, type] = [await drive.target(undefined), await drive.volumeType(undefined)];
    return new Lane({ share, traceDir, config, slots, drive, target, type, caller, armed });
  }

  /** The next one who passes this step so often stops there. */
  async arm(step: string, nth: number, action: 'kill' | 'freeze'): Promise<void> {
    this.#cells += 1;
    await writeFile(join(this.#armed, 'next'), `${step}=${action}@${nth}\n${this.#cells}`);
    await rename(join(this.#armed, 'next'), join(this.#armed, 'point'));
  }

  /** Who has stopped at the step that was armed, if anybody has. */
  async stopped(): Promise<ReplicaSlot | undefined> {
    const taken = (await readdir(this.#armed)).find((file) => /^point\.\d+$/.test(file));
    return this.slots.find(({ pid }) => taken === `point.${pid ?? ''}`);
  }

  async disarm(): Promise<void> {
    for (const file of await readdir(this.#armed)) await rm(join(this.#armed, file));
  }

  /** Every replica runs and answers. */
  async heal(): Promise<void> {
    await Promise.all(
      this.slots.map(async (slot) => {
        slot.links.heal();
        slot.thaw();
        if (!slot.isRunning()) await slot.start(`@${join(this.#armed, 'point')}`);
        await slot.ready(AbortSignal.timeout(readyWithinMs));
      }),
    );
  }

  cast(method: string, args: JsonObject): Promise<void> {
    const place = { host: this.target.host, cluster_name: this.target.clusterName };
    return this.#caller.rpc.cast(queueOf(place), method, '3.0', args, AbortSignal.timeout(10_000));
  }

  call(method: string, args: JsonObject): Promise<Json> {
    const place = { host: this.target.host, cluster_name: this.target.clusterName };
    const signal = AbortSignal.timeout(60_000);
    return this.#caller.rpc.call(queueOf(place), method, '3.0', args, { timeoutMs: 60_000, signal }) as Promise<Json>;
  }

  async until(what: string, check: () => Promise<boolean>): Promise<void> {
    await eventually(check, { timeoutMs: 60_000, everyMs: 30, what });
  }

  async stop(): Promise<void> {
    await this.#caller.close();
    await this.drive.close();
    await Promise.all(this.slots.map((slot) => slot.stop(20_000)));
    await Promise.all(this.slots.map(({ links }) => links.stop()));
  }
}

function configOf(path: string): Promise<Config> {
  return loadConfig({ given: [{ kind: 'file', path }], environment: {} });
}
