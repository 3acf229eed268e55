import type { Turn } from './member-task.ts';

/** What several members' turns at one lock come to. */
export interface TurnsSummary {
  readonly acquisitions: number;
  /** Acquisitions whose owner is another member than the one before. */
  readonly handOvers: number;
  readonly seconds: number;
  readonly heldSeconds: number;
  /** (elapsed − held) / acquisitions, and / hand-overs. */
  readonly costMs: number;
  readonly handOverMs: number;
  readonly wait: Spread;
  /** The most who asked later than a waiter, and were served before. */
  readonly mostOvertaken: number;
}

export interface Spread {
  readonly medianMs: number;
  readonly p999Ms: number;
  readonly worstMs: number;
}

interface Owned {
  readonly member: number;
  readonly asked: number;
  readonly had: number;
}

export function summaryOf(members: readonly (readonly Turn[])[]): TurnsSummary {
  const owned = members
    .flatMap((turns, member) => turns.map(([asked, had]): Owned => ({ member, asked, had })))
    .sort((a, b) => a.had - b.had);
  const all = members.flat();
  const seconds = (Math.max(...all.map(([, , , gone]) => gone)) - Math.min(...all.map(([asked]) => asked))) / 1e9;
  const heldSeconds = all.reduce((sum, [, had, done]) => sum + (done - had), 0) / 1e9;
  const handOvers = owned.filter(({ member }, index) => index > 0 && owned[index - 1]?.member !== member).length;
  const idleMs = (seconds - heldSeconds) * 1000;
  return {
    acquisitions: owned.length,
    handOvers,
    seconds,
    heldSeconds,
    costMs: idleMs / owned.length,
    handOverMs: idleMs / handOvers,
    wait: spreadOf(owned.map(({ asked, had }) => (had - asked) / 1e6)),
    mostOvertaken: mostOvertaken(owned),
  };
}

/** Several runs of the same members as one: each follows when the one before it has ended. */
export function oneAfterTheOther(runs: readonly (readonly (readonly Turn[])[])[]): readonly (readonly Turn[])[] {
  let endNs = 0;
  const moved = runs.map((members) => {
    const shift = endNs - Math.min(...members.flat().map(([asked]) => asked));
    const after = members.map((turns) =>
      turns.map(([asked, had, ended, gone]): Turn => [asked + shift, had + shift, ended + shift, gone + shift]),
    );
    endNs = Math.max(...after.flat().map(([, , , gone]) => gone));
    return after;
  });
  return (moved[0] ?? []).map((_, member) => moved.flatMap((members) => members[member] ?? []));
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { medianMs: at(0.5), p999Ms: at(0.999), worstMs: sorted.at(-1) ?? 0 };
}

/** Looks only at those who were served while the waiter waited: nobody else can have overtaken it. */
function mostOvertaken(inOrder: readonly Owned[]): number {
  let most = 0;
  inOrder.forEach((waiter, index) => {
    let overtaken = 0;
    for (let i = index - 1; i >= 0; i -= 1) {
      const other = inOrder[i];
      if (other === undefined || other.had < waiter.asked) break;
      if (other.asked > waiter.asked) overtaken += 1;
    }
    most = Math.max(most, overtaken);
  });
  return most;
}
