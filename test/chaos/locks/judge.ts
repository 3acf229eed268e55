import type { ServiceKind } from './services.ts';
import type { LeaseLife, Strike } from './story.ts';

/** What a run came to. */
export interface Verdict {
  readonly violations: readonly string[];
  readonly leases: number;
  /** Leases whose owner learnt that they were lost, by what had been done, and those that ended with a killed owner. */
  readonly lost: ReadonlyMap<string, number>;
  /** How long an owner believed in a lock that the service had forgotten and the next one had: the most. */
  readonly noticedMs: number;
  /** Writes with the token of a lock that was somebody else's by then, all of them refused. */
  readonly refused: number;
}

/** How late a stroke may show: a time to live, and a busy machine. */
const strikeTailMs = 15_000;
/** How long before its end one who was killed may have written down its last line. */
const lastLineMs = 1_000;

/**
 * Reads what the members wrote down, all by one clock.
 *
 * 1. Whoever is sure of a lock is alone: no owner's last sure instant lies after the next one's beginning.
 * 2. A proof is true also where its owner cannot act: whoever is killed, frozen or cut off keeps the lock until then.
 * 3. What the service forgot, so that there are two owners, the first of them notices within `noticeMs`.
 * 4. A token grows with every owner, and one that asks after its successor has minted is refused.
 */
export function judge(
  { endsWithConnection }: Pick<ServiceKind, 'endsWithConnection'>,
  lives: readonly LeaseLife[],
  strikes: readonly Strike[],
  noticeMs: number,
): Verdict {
  const violations: string[] = [];
  const forgets = strikes.filter(({ kind }) => kind === 'forget');
  let noticedMs = 0;
  for (const own of byLock(lives)) {
    own.forEach((earlier, at) => {
      const next = own[at + 1];
      if (next === undefined) return;
      // Also where it waited then: a place in a queue that is taken away shows as late as a lock.
      const forgot = forgets.find(
        ({ fromMs, toMs }) => earlier.wonMs <= toMs + noticeMs && fromMs <= Math.max(next.wonMs, endOf(earlier)),
      );
      if (forgot !== undefined) noticedMs = Math.max(noticedMs, earlier.sureMs - Math.max(forgot.toMs, next.wonMs));
      const both = `${told(earlier)}, and ${told(next)}`;
      const allowedMs = forgot === undefined ? 0 : noticeMs;
      if (earlier.sureMs > next.wonMs + allowedMs) violations.push(`two owners were sure: ${both}`);
      const isProven = forgot === undefined && !endsWithConnection && earlier.leavingMs === undefined;
      if (isProven && earlier.lostMs === undefined && earlier.untilMs > next.wonMs)
        violations.push(`a proof was not true: ${both}`);
      violations.push(...tokensOf(earlier, next).map((what) => `${what}: ${both}`));
    });
  }
  if (noticedMs > noticeMs) violations.push(`a forgotten lock was believed in for ${Math.round(noticedMs)} ms`);
  return {
    violations,
    leases: lives.length,
    lost: lossesOf(lives, strikes),
    noticedMs,
    refused: lives.filter(({ wasRefused }) => wasRefused).length,
  };
}

function tokensOf(earlier: LeaseLife, next: LeaseLife): readonly string[] {
  const [before, after] = [earlier.token, next.token];
  if (before === undefined || after === undefined || next.mintedMs === undefined) return [];
  const found: string[] = [];
  // A late minter, frozen between winning and minting, has the larger one; it has lost its lease and writes nothing.
  if (after <= before && (earlier.mintedMs ?? 0) < next.wonMs) found.push('a token did not grow');
  if (after > before && (earlier.countedMs ?? 0) > next.mintedMs) found.push('a late write counted');
  return found;
}

function lossesOf(lives: readonly LeaseLife[], strikes: readonly Strike[]): ReadonlyMap<string, number> {
  const lost = new Map<string, number>();
  for (const life of lives) {
    if (life.lostMs === undefined && life.leavingMs !== undefined) continue;
    const atMs = endOf(life);
    const why = strikes.findLast(
      ({ member, fromMs, toMs }) =>
        (member === undefined || member === life.member) && fromMs <= atMs + lastLineMs && atMs <= toMs + strikeTailMs,
    );
    const kind = why?.kind ?? 'nothing that was done';
    lost.set(kind, (lost.get(kind) ?? 0) + 1);
  }
  return lost;
}

const endOf = ({ lostMs, leavingMs, sureMs }: LeaseLife): number => lostMs ?? leavingMs ?? sureMs;

function byLock(lives: readonly LeaseLife[]): readonly (readonly LeaseLife[])[] {
  const sorted = lives.toSorted((a, b) => a.wonMs - b.wonMs);
  return [...new Set(sorted.map(({ lock }) => lock))].map((lock) => sorted.filter((life) => life.lock === lock));
}

function told({ lease, lock, wonMs, sureMs, untilMs, lostMs, lostWhy, leavingMs }: LeaseLife): string {
  const at = (ms: number | undefined): string => (ms === undefined ? '–' : ms.toFixed(1));
  const loss = lostMs === undefined ? '' : `, lost at ${at(lostMs)} (${lostWhy ?? ''})`;
  return `${lease} had ${lock} from ${at(wonMs)}, sure at ${at(sureMs)} until ${at(untilMs)}${loss}, leaving at ${at(leavingMs)}`;
}
