import type { Database } from '../../db/database.ts';
import type { WorkerRow } from '../../db/ports/resources.ts';
import { workOf } from '../../domain/host.ts';
import { defaultTimings } from '../../volume/custody-options.ts';
import { findUncarried, type Uncarried } from '../../volume/uncarried.ts';

/** With more, whatever changes hands waits. */
const mostUnfinished = 10_000;

/** A row that waits, and that no request carries. */
export interface Waiting extends Uncarried {
  /** The row of `workers` that is about the same; whose it is does not matter. */
  readonly worker: WorkerRow | null;
}

/**
 * What waits on a backend, by whichever of its names a row says so: volumes, snapshots, groups and migrations. A
 * migration's request is with the backend that the volume leaves; its row on this one is carried all the same.
 */
export async function findWaiting(db: Database, backends: readonly string[]): Promise<readonly Waiting[]> {
  const everywhere = workOf(await db.services.list({ binary: 'cinder-volume' }));
  const unfinished = await db.journal.unfinished([...new Set([...backends, ...everywhere])], mostUnfinished);
  const carried = new Set(unfinished.map(({ resourceType, resourceId }) => `${resourceType} ${resourceId}`));
  const found = new Map<string, Waiting>();
  for (const backend of backends) {
    for (const row of await findUncarried(db, { backend, carried, olderThanMs: 0 })) {
      found.set(`${row.type} ${row.id}`, { ...row, worker: await db.workers.find(row.type, row.id) });
    }
  }
  return [...found.values()];
}

/** What Python's service makes of work that it finds in its name when it starts, of what our replicas leave alone. */
const PYTHON_SETTLES: Readonly<Record<string, string>> = {
  'Volume creating': 'error',
  'Volume downloading': 'error',
  'Volume uploading': 'available or in-use',
};

/** The status that Python's start gives it; null: it is not Python's to settle, or a replica does it better. */
export function settledByPython({ type, status, settledBy, worker }: Waiting): string | null {
  if (settledBy !== 'operator' || worker?.status !== status) return null;
  return PYTHON_SETTLES[`${type} ${status}`] ?? null;
}

/** What it is, whom it waits for, and what settles it. */
export function waitingText({ type, id, status, since, settledBy, reason, command }: Waiting): string {
  const what = `${type} ${id} is ${status} since ${since ?? 'ever'} (UTC)`;
  return settledBy === 'replica'
    ? `${what}: a running replica takes it up once it has waited ${takenUpAfter} s`
    : `${what}: ${reason}; ${command}`;
}

const takenUpAfter = defaultTimings.reconcileOlderThanMs / 1000;
