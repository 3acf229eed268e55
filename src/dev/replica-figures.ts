import pg from 'pg';
import { parseHost } from '../domain/host.ts';
import type { ReplicaProcess } from './replica-process.ts';

/** What one replica did, for the demo's table. */
export interface ReplicaFigures {
  readonly name: string;
  readonly state: string;
  /** Requests that it brought to their end. */
  readonly done: number;
  /** Those of them that somebody else had begun. */
  readonly takenOver: number;
  /** How often it waited noticeably for a lock, and for how long in all; null: it cannot be asked any more. */
  readonly lockWaits: { readonly count: number; readonly seconds: number } | null;
}

/** Reads the journal (the replicas' own tables, in the embedded database) and asks those that live for their metrics. */
export async function replicaFigures(
  replicas: readonly ReplicaProcess[],
  databaseUrl: string,
): Promise<readonly ReplicaFigures[]> {
  const ended = await endedByHost(databaseUrl);
  return Promise.all(
    replicas.map(async (replica): Promise<ReplicaFigures> => {
      const { done, takenOver } = ended.get(replica.name) ?? { done: 0, takenOver: 0 };
      const state = replica.isRunning() ? 'running' : await replica.exited;
      return { name: replica.name, state, done, takenOver, lockWaits: await lockWaitsOf(replica) };
    }),
  );
}

type Ended = { readonly done: number; readonly takenOver: number };

async function endedByHost(connectionString: string): Promise<ReadonlyMap<string, Ended>> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{ host: string; done: number; taken_over: number }>(
      `SELECT i.host, count(*)::int AS done, count(*) FILTER (WHERE j.claim > 1)::int AS taken_over
       FROM aa_journal j JOIN aa_incarnation i ON i.id = j.owner
       WHERE j.finished_at IS NOT NULL GROUP BY i.host`,
    );
    return new Map(rows.map(({ host, done, taken_over }) => [parseHost(host).host, { done, takenOver: taken_over }]));
  } finally {
    await client.end();
  }
}

async function lockWaitsOf(replica: ReplicaProcess): Promise<ReplicaFigures['lockWaits']> {
  if (!replica.isRunning()) return null;
  try {
    const response = await fetch(`${replica.healthUrl}/metrics`, { signal: AbortSignal.timeout(5_000) });
    return readLockWaits(await response.text());
  } catch {
    return null;
  }
}

/** The histogram of lock waits in Prometheus's text: those of more than 25 ms, and the sum of all. */
export function readLockWaits(text: string): { readonly count: number; readonly seconds: number } {
  const figure = (pattern: RegExp): number =>
    [...text.matchAll(pattern)].reduce((sum, [, value = '0']) => sum + Number(value), 0);
  const name = 'cinder_volume_aa_lock_wait_seconds';
  const all = figure(new RegExp(`^${name}_count(?:\\{[^}]*\\})? (\\S+)`, 'gm'));
  const short = figure(new RegExp(`^${name}_bucket\\{[^}]*le="0\\.025"[^}]*\\} (\\S+)`, 'gm'));
  return { count: all - short, seconds: figure(new RegExp(`^${name}_sum(?:\\{[^}]*\\})? (\\S+)`, 'gm')) };
}
