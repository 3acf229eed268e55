import type { ServerAnswer } from '../database.ts';

const meanings: Readonly<Record<string, ServerAnswer['means']>> = {
  '40001': 'conflict',
  '40P01': 'conflict',
  '55P03': 'conflict',
  '25P03': 'idle-too-long',
  '42501': 'denied',
};

/** What the server said, by its SQLSTATE; undefined: it said nothing. */
export function postgresAnswer(thrown: Error): ServerAnswer | undefined {
  if (!('code' in thrown) || !('severity' in thrown)) return undefined;
  if (typeof thrown.code !== 'string' || !/^[0-9A-Z]{5}$/.test(thrown.code)) return undefined;
  return { code: thrown.code, means: meanings[thrown.code] ?? (isLoss(thrown.code) ? 'loss' : 'refusal') };
}

/** Connection exceptions, shutdown, time-outs of an idle session. */
const isLoss = (sqlState: string): boolean => sqlState.startsWith('08') || sqlState.startsWith('57P');
