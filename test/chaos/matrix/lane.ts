import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { openDrive, type Drive } from '../../../src/cli/drive/open-drive.ts';
import { openCaller } from '../../../src/cli/drive/open-caller.ts';
import { queueOf, type Target } from '../../../src/cli/drive/target.ts';
import type { Config } from '../../../src/config/load.ts';
import type { Json, JsonObject } from '../../../src/domain/json.ts';
import type { VolumeType } from '../../../src/domain/rows.ts';
import { eventually } from '../../support/poll.ts';
import { ImageServer } from '../../support/image-server.ts';
import { backend, type Times } from '../configuration.ts';
import { Guest } from '../guest.ts';
import type { LockService } from '../options.ts';
import type { ReplicaSlot } from '../replica-slot.ts';
import type { Servers } from '../servers.ts';
import { Site } from '../site.ts';

const readyWithinMs = 60_000;

/** A lock lasts as long as after this many seconds it is somebody else's. */
export const times: Times = { lockTtl: 2, presumedDead: 1 };

type Placed = Parameters<typeof queueOf>[0];
type Caller = Awaited<ReturnType<typeof openCaller>>;

export interface LaneOptions {
  readonly name: string;
  readonly dir: string;
  readonly program: string;
  readonly locks: LockService;
  readonly times?: Times;
}

/** Two replicas, with a database, a virtual host and a share of their own, on which one cell after the other is run. */
export class Lane {
  readonly share: string;
  /** Of the backend that volumes leave. */
  readonly leavingShare: string;
  readonly images: ImageServer;
  readonly traceDir: string;
  readonly guest: Guest;
  readonly config: Config;
  readonly slots: readonly ReplicaSlot[];
  readonly drive: Drive;
  readonly target: Target;
  readonly type: VolumeType;
  /** Of a type whose volumes need nothing else than those of `type`. */
  readonly otherTypeId = '11111111-2222-4333-8444-555555555555';
  readonly #caller: Caller;
  readonly #armed: string;
  readonly #rows: pg.Pool;
  #cells = 0;

  private constructor(
    parts: Pick<
      Lane,
      'share' | 'leavingShare' | 'images' | 'traceDir' | 'config' | 'slots' | 'drive' | 'target' | 'type'
    > & {
      readonly caller: Caller;
      readonly armed: string;
      readonly rows: pg.Pool;
    },
  ) {
    this.share = parts.share;
    this.leavingShare = parts.leavingShare;
    this.images = parts.images;
    this.traceDir = parts.traceDir;
    this.config = parts.config;
    this.slots = parts.slots;
    this.drive = parts.drive;
    this.target = parts.target;
    this.type = parts.type;
    this.guest = new Guest(parts.share);
    this.#caller = parts.caller;
    this.#armed = parts.armed;
    this.#rows = parts.rows;
  }

  static async start(servers: Servers, options: LaneOptions): Promise<Lane> {
    const { dir } = options;
    const armed = join(dir, 'armed');
    await mkdir(armed, { recursive: true });
    const images = await ImageServer.start(dir);
    const leavingShare = join(dir, 'leaving');
    const more = { leavingShare, imagesUrl: images.url };
    const name = `matrix_${options.name}`;
    const site = await Site.make(servers, { times, ...options, name, qcow2: false, more });
    const slots = await Promise.all(['r1', 'r2'].map((host) => site.slot(host)));
    const config = await site.driverConfig();
    await Promise.all(slots.map((slot) => slot.start(`@${join(armed, 'point')}`)));
    await Promise.all(slots.map((slot) => slot.ready(AbortSignal.timeout(readyWithinMs))));
    const drive = await openDrive(config, { bypassApi: false, signal: new AbortController().signal });
    const caller = await openCaller(config, AbortSignal.timeout(readyWithinMs));
    const [target, type] = [await drive.target(backend), await drive.volumeType(undefined)];
    const { share, traceDir } = site;
    const rows = new pg.Pool({ connectionString: site.databaseUrl, max: 1 });
    const places = { share, leavingShare, images, traceDir, config, slots };
    const lane = new Lane({ ...places, drive, target, type, caller, armed, rows });
    const values = [lane.otherTypeId, 'other', true, false];
    await lane.sql('insert into volume_types (id, name, is_public, deleted) values ($1, $2, $3, $4)', values);
    return lane;
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
        await this.revive(slot);
      }),
    );
  }

  async revive(slot: ReplicaSlot): Promise<void> {
    if (!slot.isRunning()) await slot.start(`@${join(this.#armed, 'point')}`);
    await slot.ready(AbortSignal.timeout(readyWithinMs));
  }

  /** Past the repositories, for rows that only the API and others make. */
  async sql<R extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<readonly R[]> {
    return (await this.#rows.query<R>(text, [...values])).rows;
  }

  /** @param to where it lies; by default on the first backend */
  cast(method: string, args: JsonObject, to: Placed = this.#here): Promise<void> {
    return this.#caller.rpc.cast(queueOf(to), method, '3.0', args, AbortSignal.timeout(10_000));
  }

  call(method: string, args: JsonObject): Promise<Json> {
    const signal = AbortSignal.timeout(60_000);
    return this.#caller.rpc.call(queueOf(this.#here), method, '3.0', args, {
      timeoutMs: 60_000,
      signal,
    }) as Promise<Json>;
  }

  get #here(): Placed {
    return { host: this.target.host, cluster_name: this.target.clusterName };
  }

  async until(what: string, check: () => Promise<boolean>): Promise<void> {
    await eventually(check, { timeoutMs: 60_000, everyMs: 30, what });
  }

  async stop(): Promise<void> {
    await this.#caller.close();
    await this.#rows.end();
    await this.drive.close();
    await Promise.all(this.slots.map((slot) => slot.stop(20_000)));
    await Promise.all(this.slots.map(({ links }) => links.stop()));
    await this.images.stop();
  }
}
