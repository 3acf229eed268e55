import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { table } from '../../src/cli/table.ts';
import { runMembers, type Side } from './members.ts';
import type { LockService } from './services.ts';

const fleet = 6;
const holdMs = 1;

export interface MixedResult {
  readonly service: string;
  /** What each of six Tooz processes got among its own. */
  readonly alone: readonly number[];
  readonly ours: readonly number[];
  readonly tooz: readonly number[];
  /** Increments that the counters miss: both must be 0. */
  readonly lost: number;
}

/** Six processes add to a number in a file under one lock: all of them Tooz's, then three of each kind. */
export async function measureMixed(service: LockService, dir: string, seconds: number): Promise<MixedResult> {
  console.error(`six Tooz processes on ${service.name}, then three of each kind: ${2 * seconds} s …`);
  const alone = await count(service, dir, seconds, (): Side => 'tooz');
  const mixed = await count(service, dir, seconds, (index): Side => (index < fleet / 2 ? 'ours' : 'tooz'));
  return {
    service: service.name,
    alone: alone.counts,
    ours: mixed.counts.slice(0, fleet / 2),
    tooz: mixed.counts.slice(fleet / 2),
    lost: alone.lost + mixed.lost,
  };
}

async function count(service: LockService, dir: string, seconds: number, sideOf: (index: number) => Side) {
  const counter = join(dir, `counter-${service.name}`);
  await writeFile(counter, '0');
  const task = { kind: 'turns', url: service.url, lock: 'mixed', seconds, holdMs, counter } as const;
  const tasks = Array.from({ length: fleet }, (_, index) => ({ side: sideOf(index), task }));
  const counts = (await runMembers(tasks)).map(({ turns }) => turns.length);
  const sum = counts.reduce((all, one) => all + one, 0);
  return { counts, lost: sum - Number(await readFile(counter, 'utf8')) };
}

/** The least that a Tooz process got beside ours, through what one got on average among its own. */
export const shareOf = ({ alone, tooz }: MixedResult): number =>
  Math.min(...tooz) / (alone.reduce((sum, one) => sum + one, 0) / alone.length);

export function mixedText(results: readonly MixedResult[], seconds: number): string {
  return [
    `A counter under one lock, ${seconds} s each: six Tooz processes, then three of Tooz and three of ours:`,
    table(
      ['Service', 'Tooz among its own', 'Ours', 'Tooz beside ours', 'Least Tooz : its mean alone', 'Lost'],
      results.map((result) => [
        result.service,
        result.alone.join(' '),
        result.ours.join(' '),
        result.tooz.join(' '),
        shareOf(result).toFixed(2),
        result.lost,
      ]),
    ),
  ].join('\n');
}
