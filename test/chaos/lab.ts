import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../src/config/load.ts';
import type { ChaosOptions } from './options.ts';
import type { Random } from './random.ts';
import type { ReplicaSlot } from './replica-slot.ts';
import { startServers, stopServers, type Servers } from './servers.ts';
import { Site } from './site.ts';

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

/** The servers and the replicas of one run. */
export class Lab {
  readonly dir: string;
  readonly share: string;
  /** Of the backend that volumes leave. */
  readonly leavingShare: string;
  readonly traceDir: string;
  readonly config: Config;
  readonly databaseUrl: string;
  /** What Node runs as a replica, and as the command line. */
  readonly program: string;
  readonly servers: Servers;
  readonly slots: readonly ReplicaSlot[];
  readonly #ended = new AbortController();
  #tending: Promise<void> | undefined;

  private constructor(
    parts: Pick<
      Lab,
      'dir' | 'share' | 'leavingShare' | 'traceDir' | 'config' | 'databaseUrl' | 'program' | 'servers' | 'slots'
    >,
  ) {
    this.dir = parts.dir;
    this.share = parts.share;
    this.leavingShare = parts.leavingShare;
    this.traceDir = parts.traceDir;
    this.config = parts.config;
    this.databaseUrl = parts.databaseUrl;
    this.program = parts.program;
    this.servers = parts.servers;
    this.slots = parts.slots;
  }

  /** @param program what Node runs as a replica */
  static async start(options: ChaosOptions, dir: string, program: string, random: Random): Promise<Lab> {
    const servers = await startServers(options);
    try {
      const { locks, replicas } = options;
      const leavingShare = join(dir, 'leaving');
      const [qcow2, more] = [random.chance(0.3), { leavingShare }];
      const site = await Site.make(servers, { name: 'chaos', dir, program, locks, qcow2, more });
      const slots: ReplicaSlot[] = [];
      for (let index = 1; index <= replicas; index += 1) slots.push(await site.slot(`r${index}`));
      const { share, traceDir, databaseUrl } = site;
      const lab = new Lab({
        dir,
        share,
        leavingShare,
        traceDir,
        config: await site.driverConfig(),
        databaseUrl,
        program,
        servers,
        slots,
      });
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
