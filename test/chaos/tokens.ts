import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Difference } from '../../src/check/verify.ts';
import type { TracedStep } from '../../src/dev/failpoints.ts';

/** Every step that any replica took, in order: one machine, one clock. */
export async function readTrace(dir: string): Promise<readonly TracedStep[]> {
  const files = await readdir(dir);
  const texts = await Promise.all(files.map((file) => readFile(join(dir, file), 'utf8')));
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as TracedStep)
    .sort((a, b) => a.atMs - b.atMs);
}

/**
 * No two owners whose writes counted: once somebody has claimed with a larger token of a lock, nobody who holds a
 * smaller one settles; and where locks cannot be lost (files) nobody passes a commit point either.
 *
 * A commit point is written down just before its system call. With locks that can be lost a process may stand still
 * exactly there; the share's helper refuses the call then, and what it might have left is found among the files.
 *
 * A settlement is written down after its commit, which may be long before, where its answer came late. `endedMs`, by
 * entry, is the database's time of it; a token is the database's time at which it was minted.
 */
export function ownersAtOnce(
  trace: readonly TracedStep[],
  locksCanBeLost: boolean,
  endedMs: ReadonlyMap<string, number> = new Map(),
): readonly Difference[] {
  const claims = new Map<string, { readonly token: bigint; readonly entry: string }[]>();
  const settled = new Map<string, string>();
  const found: Difference[] = [];
  for (const { step, entry = '', claim = 0, tokens = {} } of trace) {
    const counts = step === 'settled' || (!locksCanBeLost && step.startsWith('committing:'));
    const endMs = step === 'settled' ? endedMs.get(entry) : undefined;
    for (const [name, text] of Object.entries(tokens)) {
      const token = BigInt(text);
      const known = claims.get(name) ?? [];
      if (step === 'claimed') claims.set(name, [...known, { token, entry }]);
      if (!counts) continue;
      const before = known.find(
        (other) => other.token > token && (endMs === undefined || Number(other.token) <= endMs),
      );
      if (before === undefined) continue;
      const problem = `passed ${step} with the token ${text} of ${name}, after entry ${before.entry} had ${before.token}`;
      found.push({ kind: 'lost', subject: `entry ${entry}`, problem });
    }
    if (step !== 'settled') continue;
    if (settled.has(entry)) {
      const problem = `was settled twice: by claim ${settled.get(entry) ?? ''} and by claim ${claim}`;
      found.push({ kind: 'lost', subject: `entry ${entry}`, problem });
    }
    settled.set(entry, String(claim));
  }
  return found;
}
