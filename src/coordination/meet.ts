import type { IncarnationRepository } from '../db/ports/custody.ts';
import { whenAborted } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Component, Health } from '../kernel/component.ts';
import { jittered } from '../kernel/jitter.ts';
import { Loop } from '../kernel/loop.ts';
import type { Logger } from '../log/logger.ts';
import type { Coordinator, Lease } from './coordinator.ts';
import { lockNames } from './lock-names.ts';
import { MemberLook, type KnownMember } from './meet-look.ts';

/** So soon members are looked at again that are not known to meet us. */
const unsettledPauseMs = 5_000;

/** Before the probe lock is taken again after a loss. */
const retakeMs = 500;

export interface MeetOptions {
  readonly coordinator: Coordinator;
  readonly incarnations: Pick<IncarnationRepository, 'list' | 'setProbe'>;
  readonly self: { readonly id: string; readonly serves: readonly string[] };
  /** `[coordination] meet_interval`; 0: never. */
  readonly intervalMs: number;
  readonly presumedDeadAfterMs: number;
  /** How long a lock is tried for before it counts as refused (1 s). */
  readonly tryMs?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Members meet by conflict: this one holds a lock in its own name, says so in the database, and tries for the locks of
 * the others. Who can have another's lock shares no locks with it, and both could change one volume at a time; this
 * member is then not ready and says with whom it does not meet.
 *
 * Start it after the incarnation's row was written. Both loops run in the background: nobody's start waits for others.
 */
export class Meet implements Component {
  readonly name = 'members';
  readonly #options: MeetOptions;
  readonly #look: MemberLook;
  readonly #holder: Loop;
  readonly #looker: Loop;
  #lease: Lease | undefined;
  #told: Promise<void> = Promise.resolve();

  constructor(options: MeetOptions) {
    const { coordinator, incarnations, self, presumedDeadAfterMs, clock, log } = options;
    this.#options = options;
    this.#look = new MemberLook({
      ...{ coordinator, self, presumedDeadAfterMs, clock },
      members: () => incarnations.list(),
      tryMs: options.tryMs ?? 1000,
    });
    this.#holder = new Loop({
      turn: (signal) => this.#hold(signal),
      pauseMs: () => retakeMs,
      onError: (err) => log.warn({ err }, 'cannot hold the lock by which others see that we exclude them'),
    });
    this.#looker = new Loop({
      turn: (signal) => this.#turn(signal),
      pauseMs: () => this.#pauseMs(),
      onError: (err) => log.warn({ err }, 'cannot look whether other members exclude us'),
    });
  }

  start(): Promise<void> {
    if (this.#options.intervalMs > 0) {
      this.#holder.start();
      this.#looker.start();
    }
    return Promise.resolve();
  }

  /** The looker first: it must not tell others of a lock that the holder is about to give back. */
  async stop(how: { force: AbortSignal }): Promise<void> {
    await this.#looker.stop(how.force);
    await this.#holder.stop(how.force);
  }

  health(): Health {
    const apart = this.#look.members.filter(({ meeting }) => meeting === 'apart');
    if (apart.length === 0) return { ok: true };
    return { ok: false, detail: `no common locks with ${apart.map(nameOf).join(', ')}; compare [coordination]` };
  }

  /** The others that serve a backend of ours, as far as they were looked at. */
  members(): readonly KnownMember[] {
    return this.#look.members;
  }

  /**
   * One probe lock's life: taken, told, kept until it is lost or we stop. Others are told of its end before it can be
   * had: this process may live on for long, to finish its work, and must not be taken for one that locks elsewhere.
   */
  async #hold(stopping: AbortSignal): Promise<void> {
    const { coordinator, self, log } = this.#options;
    // The looker tells again what the database did not take.
    const tell = (): Promise<void> =>
      this.#tell().catch((err: unknown) => log.warn({ err }, 'cannot tell others of the lock in our name'));
    const lease = await coordinator.acquire([lockNames.meet(self.id)], { waitMs: 'forever', signal: stopping });
    this.#lease = lease;
    await tell();
    await whenAborted(lease.signal, stopping);
    this.#lease = undefined;
    await tell();
    await lease.release();
  }

  /** One telling at a time, each with what is so at its turn: an older one must not arrive last. */
  #tell(): Promise<void> {
    const { incarnations, self } = this.#options;
    const told = this.#told.then(() => incarnations.setProbe(self.id, this.#lease?.signal.aborted === false));
    this.#told = told.catch(() => undefined);
    return told;
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const before = new Map(this.#look.members.map(({ id, meeting }) => [id, meeting]));
    await this.#tell();
    await this.#look.turn(signal);
    for (const member of this.#look.members) {
      if (before.get(member.id) !== member.meeting) this.#report(member, before.get(member.id) === 'apart');
    }
  }

  #report({ meeting, why, ...member }: KnownMember, wasApart: boolean): void {
    const { log } = this.#options;
    const fields = { member: member.id, member_host: member.host, member_pid: member.pid };
    if (meeting === 'apart')
      log.error(fields, `no common locks with ${nameOf(member)}: ${why}; compare [coordination]`);
    else if (meeting === 'meets') log[wasApart ? 'warn' : 'info'](fields, `common locks with ${nameOf(member)}`);
    else log.debug({ ...fields, why }, 'not sure yet of common locks');
  }

  #pauseMs(): number {
    const { intervalMs } = this.#options;
    const settled = this.#look.members.every(({ meeting }) => meeting === 'meets');
    return jittered(settled ? intervalMs : Math.min(intervalMs, unsettledPauseMs));
  }
}

function nameOf({ host, pid }: Pick<KnownMember, 'host' | 'pid'>): string {
  return `${host} (pid ${pid})`;
}
