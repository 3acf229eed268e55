import type { ServerAnswer } from '../database.ts';

/** By the server's error numbers, because many share one SQLSTATE. */
const meanings: Readonly<Record<number, ServerAnswer['means']>> = {
  // Deadlock (also the loser of two nodes of a Galera cluster), a lock that was waited for too long, a changed row.
  1213: 'conflict',
  1205: 'conflict',
  1020: 'conflict',
  // Interrupted, by hand or for its length, or failed in the middle of a commit: the log may have it.
  1180: 'in-doubt',
  1317: 'in-doubt',
  1969: 'in-doubt',
  3024: 'in-doubt',
  // Killed; disconnected for idleness.
  1927: 'loss',
  4031: 'loss',
  // No right: to the database, to a table, to do something at all.
  1044: 'denied',
  1142: 'denied',
  1227: 'denied',
};

/** What the server said, by its number; undefined: it said nothing. */
export function mariadbAnswer(thrown: Error): ServerAnswer | undefined {
  const { errno, sqlState } = thrown as { errno?: unknown; sqlState?: unknown };
  if (typeof errno !== 'number' || errno <= 0 || typeof sqlState !== 'string') return undefined;
  // SQLSTATE 08: connections refused or broken, a shutdown, a Galera node that is not part of its cluster.
  const means = meanings[errno] ?? (sqlState.startsWith('08') ? 'loss' : 'refusal');
  return { code: String(errno), means };
}
