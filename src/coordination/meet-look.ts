import type { Incarnation } from '../db/ports/custody.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Coordinator } from './coordinator.ts';
import { lockNames, type LockName } from './lock-names.ts';
import { tryLocks, type TryOutcome } from './meet-try.ts';

/**
 * - `meets`: its probe lock was refused to us, so its locks keep us out.
 * - `apart`: it says that it holds its probe lock and lives, and we could have that lock, twice.
 * - `unsure`: neither is proven yet; `why` says what is missing.
 */
export type Meeting = 'meets' | 'apart' | 'unsure';

/** Another member, and whether its locks and ours exclude one another. */
export interface KnownMember {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly serves: readonly string[];
  readonly meeting: Meeting;
  readonly why: string;
}

interface Known extends KnownMember {
  readonly lookedAtMs: number;
  /** When its probe lock could first be had, since it was last refused. */
  readonly hadAtMs?: number;
}

export interface MemberLookOptions {
  readonly coordinator: Coordinator;
  /** The members that the database knows, ourselves among them. */
  readonly members: () => Promise<readonly Incarnation[]>;
  /** `serves`: only members that serve one of these backends have to meet us. */
  readonly self: { readonly id: string; readonly serves: readonly string[] };
  /** Members that were silent for longer are not looked at. */
  readonly presumedDeadAfterMs: number;
  readonly tryMs: number;
  readonly clock: Clock;
}

/** Members looked at in one turn: a large cluster is gone through in several. */
const atOnce = 8;

/** By so much who is not known to meet us comes earlier than by the time of its last look. */
const urgencyMs = 60_000;

/** A heartbeat counts as later than an instant of ours only by this much: two clocks, and the way between them. */
const slackMs = 500;

/**
 * Whether members meet, by conflict: a lock that another member says it holds must be refused to us. That finds what no
 * comparison of settings can: a lock folder that is not shared, a mount without locking, another namespace, database,
 * or server under the same name.
 *
 * A lock that could be had proves nothing by itself: its owner may have died, or may just have lost it. Only if the
 * owner was alive later, still says that it holds it, and it can be had again, the two do not meet.
 */
export class MemberLook {
  readonly #options: MemberLookOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: MemberLookOptions) {
    this.#options = options;
  }

  /** What is known, in the order of the database's list. */
  get members(): readonly KnownMember[] {
    return [...this.#known.values()].map(({ id, host, pid, serves, meeting, why }) => {
      return { id, host, pid, serves, meeting, why };
    });
  }

  /** Looks at the members that are most in need of it. Rejects if the database or the lock service refuses us. */
  async turn(signal: AbortSignal): Promise<void> {
    const { coordinator, tryMs, clock } = this.#options;
    const listedAtMs = clock.nowMs();
    const present = await this.#present();
    for (const id of this.#known.keys()) if (!present.has(id)) this.#known.delete(id);
    const chosen = this.#mostInNeed([...present.values()]);
    const probed = chosen.filter(({ holdsProbe }) => holdsProbe);
    const control = lockNames.meetControl;
    const names = probed.map(({ id }) => lockNames.meet(id));
    const outcomes = await tryLocks(coordinator, names, { control, tryMs, signal });
    for (const member of chosen) this.#note(member, outcomes, listedAtMs);
  }

  async #present(): Promise<ReadonlyMap<string, Incarnation>> {
    const { members, self, presumedDeadAfterMs } = this.#options;
    const all = await members();
    const peers = all.filter(
      ({ id, beatAgeMs, serves }) =>
        id !== self.id && beatAgeMs <= presumedDeadAfterMs && serves.some((backend) => self.serves.includes(backend)),
    );
    return new Map(peers.map((member) => [member.id, member]));
  }

  /** Strangers first, then who was not looked at for longest; whoever is not known to meet us comes earlier. */
  #mostInNeed(present: readonly Incarnation[]): readonly Incarnation[] {
    const rank = ({ id }: Incarnation): number => {
      const known = this.#known.get(id);
      if (known === undefined) return Number.NEGATIVE_INFINITY;
      return known.lookedAtMs - (known.meeting === 'meets' ? 0 : urgencyMs);
    };
    const ranked = present.map((member) => ({ member, rank: rank(member) }));
    return ranked
      .sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0))
      .slice(0, atOnce)
      .map(({ member }) => member);
  }

  #note(member: Incarnation, outcomes: ReadonlyMap<LockName, TryOutcome>, listedAtMs: number): void {
    const { id, host, pid, serves } = member;
    const before = this.#known.get(id);
    const nowMs = this.#options.clock.nowMs();
    const judged = judge(member, outcomes.get(lockNames.meet(id)), before?.hadAtMs, listedAtMs);
    const hadAtMs = judged.had ? (before?.hadAtMs ?? nowMs) : undefined;
    this.#known.set(id, {
      ...{ id, host, pid, serves, meeting: judged.meeting, why: judged.why, lookedAtMs: nowMs },
      ...(hadAtMs === undefined ? {} : { hadAtMs }),
    });
  }
}

interface Judgement {
  readonly meeting: Meeting;
  readonly why: string;
  readonly had: boolean;
}

function judge(
  member: Incarnation,
  outcome: TryOutcome | undefined,
  hadAtMs: number | undefined,
  listedAtMs: number,
): Judgement {
  const unsure = (why: string, had = false): Judgement => ({ meeting: 'unsure', why, had });
  if (outcome === undefined) return unsure('it holds no probe lock (it is starting, or cut off from its lock service)');
  if (outcome === 'unproven') return unsure('the lock service did not answer in time', hadAtMs !== undefined);
  if (outcome === 'refused') return { meeting: 'meets', why: 'its lock is refused to us', had: false };
  const beatAtMs = listedAtMs - member.beatAgeMs;
  if (hadAtMs !== undefined && beatAtMs > hadAtMs + slackMs) {
    return { meeting: 'apart', why: 'the lock that it holds could be had', had: true };
  }
  return unsure('the lock that it should hold could be had; looking again', true);
}
