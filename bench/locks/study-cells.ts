import type { MemberResult, Method } from './member-task.ts';
import type { Side } from './members.ts';

/** So many rows, and so many workers that want to change each of them. */
export interface StudyCase {
  readonly rows: number;
  readonly workers: number;
  readonly label: string;
}

const studyCase = (rows: number, workers: number): StudyCase => ({ rows, workers, label: `${rows} × ${workers}` });

export const cases: readonly StudyCase[] = [
  studyCase(100, 1),
  studyCase(400, 1),
  studyCase(100, 3),
  studyCase(100, 5),
  studyCase(5, 100),
];

export interface Contestant {
  readonly method: Method;
  readonly side: Side;
  /** Of the lock service; null: the database alone. */
  readonly url: string | null;
  readonly label: string;
}

/** One case by one contestant. */
export interface Cell {
  readonly case: string;
  readonly contestant: string;
  readonly side: Side;
  /** Changes that were made, and those that were to be. */
  readonly done: number;
  readonly wanted: number;
  readonly seconds: number;
  readonly acquire: Moments;
  readonly release: Moments;
}

export interface Moments {
  readonly meanMs: number;
  readonly deviationMs: number;
  readonly worstMs: number;
}

export function cellOf(
  one: StudyCase,
  contestant: Contestant,
  changes: number,
  results: readonly MemberResult[],
): Cell {
  const all = results.flatMap((result) => result.changes);
  return {
    case: one.label,
    contestant: contestant.label,
    side: contestant.side,
    done: all.length,
    wanted: one.rows * one.workers * changes,
    seconds: Math.max(...results.map(({ seconds }) => seconds)),
    acquire: momentsOf(all.map(([acquireMs]) => acquireMs)),
    release: momentsOf(all.map(([, releaseMs]) => releaseMs)),
  };
}

export function momentsOf(values: readonly number[]): Moments {
  if (values.length === 0) return { meanMs: NaN, deviationMs: NaN, worstMs: NaN };
  const meanMs = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - meanMs) ** 2, 0) / values.length;
  return { meanMs, deviationMs: Math.sqrt(variance), worstMs: values.reduce((a, b) => Math.max(a, b), 0) };
}
