import type { NewEntry } from '../db/ports/custody.ts';
import type { Repositories } from '../db/database.ts';
import type { WorkerRow } from '../db/ports/resources.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import type { Logger } from '../log/logger.ts';
import { LOST_REQUESTS, lostEntry } from './lost-requests.ts';
import type { Backend } from './operation.ts';
import { liesOn } from './ownership.ts';

/*
 * The clean-up that an operator asks for after a service went down: each row of the workers table that the service had
 * becomes a journal entry, and goes the way of all. What upstream gives up (a volume or snapshot that was being made)
 * is made, if its row says of what; else it ends in `error` as there. What an entry of ours carries already is left to
 * it. A row of the table whose work is over goes.
 *
 * Nothing has to be remembered between the steps: the entries' ids are made from the rows as they are, so that a
 * request that comes twice, or to several members, makes each entry once.
 */

/** The work of which service, and of that which. `until`: only rows that nobody has touched since, in UTC. */
export interface CleanupRequest {
  readonly service_id: number;
  readonly resource_type?: string | null | undefined;
  readonly resource_id?: string | null | undefined;
  readonly until?: string | null | undefined;
}

export interface CleanupPorts {
  readonly db: Repositories;
  readonly backend: Pick<Backend, 'workOf' | 'host' | 'cluster'>;
  readonly takeUp: (entries: readonly NewEntry[]) => Promise<number>;
  /** Of the request, in the wire's form. */
  readonly context: JsonObject;
  readonly log: Logger;
}

/** More unfinished entries than this are not compared with rows. */
const mostUnfinished = 10_000;

export async function cleanUp(request: CleanupRequest, ports: CleanupPorts): Promise<void> {
  const { db, backend, log, takeUp } = ports;
  const workers = (await db.workers.ofService(request.service_id)).filter((worker) => isMeant(worker, request));
  const unfinished = await db.journal.unfinished([backend.workOf], mostUnfinished);
  if (unfinished.length >= mostUnfinished) {
    log.warn({ service_id: request.service_id }, 'too much is under way to clean up; ask again later');
    return;
  }
  const carried = new Set(unfinished.map(({ resourceType, resourceId }) => `${resourceType} ${resourceId}`));
  const entries: NewEntry[] = [];
  for (const worker of workers.filter((one) => !carried.has(`${one.resource_type} ${one.resource_id}`))) {
    const entry = await entryOf(worker, ports);
    if (entry !== null) entries.push(entry);
  }
  const taken = await takeUp(entries);
  log.info({ service_id: request.service_id, workers: workers.length, taken }, 'cleaned up after a service');
}

function isMeant(worker: WorkerRow, { resource_type, resource_id, until }: CleanupRequest): boolean {
  if (resource_type !== null && resource_type !== undefined && worker.resource_type !== resource_type) return false;
  if (resource_id !== null && resource_id !== undefined && worker.resource_id !== resource_id) return false;
  // Both are text of one form, the wire's without a fraction.
  return (
    until === null || until === undefined || worker.updated_at <= until.replace('T', ' ').replace(/Z$|\+00:00$/, '')
  );
}

/** Null: there is nothing to be carried out. */
async function entryOf(worker: WorkerRow, ports: CleanupPorts): Promise<NewEntry | null> {
  const { db, backend, context, log } = ports;
  const { resource_type: type, resource_id: id, status } = worker;
  const found = await rowOf(worker, db);
  if (found === undefined) return null;
  if (found?.row.status !== status) {
    await db.workers.dropStale(worker);
    return null;
  }
  if (found.home === null || !liesOn(backend, found.home)) {
    log.warn({ resource: `${type} ${id}`, backend: backend.workOf }, 'its volume lies elsewhere: not cleaned up here');
    return null;
  }
  if (type === 'Volume' && status === 'downloading') return giveUpDownload(worker, db);
  const order = LOST_REQUESTS.find((request) => request.type === type && request.status === status);
  if (order === undefined) return null;
  const seen = `${worker.id} ${worker.race_preventer} ${worker.updated_at}`;
  const lost = { backend: backend.workOf, row: found.row, context, seen };
  return lostEntry(order, { ...lost, origin: 'peer', isWhole: false });
}

interface Found {
  readonly row: Volume | Snapshot;
  /** The volume by which it is known where it lies. */
  readonly home: Volume | null;
}

/** Null: it is gone. Undefined: nothing that we know of. */
async function rowOf(worker: WorkerRow, db: Repositories): Promise<Found | null | undefined> {
  if (worker.resource_type === 'Volume') {
    const row = await db.volumes.get(worker.resource_id);
    return row === null ? null : { row, home: row };
  }
  if (worker.resource_type !== 'Snapshot') return undefined;
  const row = await db.snapshots.get(worker.resource_id);
  return row === null ? null : { row, home: await db.volumes.get(row.volume_id) };
}

/** Half an image is none; which one it was, only the lost request said. */
async function giveUpDownload(worker: WorkerRow, db: Repositories): Promise<null> {
  await db.volumes.update(worker.resource_id, { status: 'error' }, { status: 'downloading' });
  await db.workers.dropStale(worker);
  return null;
}
