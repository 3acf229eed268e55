import type { Repositories } from '../db/database.ts';
import type { VolumeFilter } from '../db/ports/resources.ts';
import { isMigrating, migratedFrom } from '../domain/migration.ts';
import type { Group, GroupSnapshot, Snapshot, Timestamp, Volume } from '../domain/rows.ts';
import { everyRow } from '../kernel/pages.ts';
import { waitsToBeMade } from './lost-creation.ts';
import {
  GROUP_SNAPSHOTS,
  GROUPS,
  migrates,
  migrationTarget,
  notTakenIn,
  SNAPSHOTS,
  takenUp,
  VOLUMES,
  type Explanation,
} from './uncarried-reasons.ts';

/*
 * Rows that wait for somebody although no journal entry carries them: whom they wait for, why this service does not
 * touch them, and what an operator does if nobody comes. Reconciliation takes up what is on its closed list
 * (lost-requests.ts); all else is only reported, because a guess could undo what somebody else is doing.
 */

export interface Uncarried {
  readonly type: 'Volume' | 'Snapshot' | 'Group' | 'GroupSnapshot';
  readonly id: string;
  readonly status: string;
  /** Its last change. */
  readonly since: Timestamp | null;
  readonly settledBy: Explanation['settledBy'];
  readonly reason: string;
  /** What settles it. */
  readonly command: string;
}

export interface UncarriedLook {
  /** `host@backend` or `cluster@backend`. */
  readonly backend: string;
  /** `Volume <id>`, `Snapshot <id>` of all unfinished entries. */
  readonly carried: ReadonlySet<string>;
  /** Younger rows may well be on their way. */
  readonly olderThanMs: number;
}

type Looked = Pick<Repositories, 'volumes' | 'snapshots' | 'workers' | 'groups' | 'groupSnapshots'>;

/** What waits on this backend and is carried by nobody. */
export async function findUncarried(db: Looked, look: UncarriedLook): Promise<readonly Uncarried[]> {
  const { backend, olderThanMs } = look;
  const waiting = (statuses: object) => ({ backend, olderThanMs, statuses: Object.keys(statuses) });
  const read = <Row extends { readonly id: string }>(
    list: (filter: VolumeFilter) => Promise<readonly Row[]>,
    filter: Omit<VolumeFilter, 'limit' | 'after'>,
  ): Promise<readonly Row[]> => everyRow(pageSize, (page) => list({ ...filter, ...page }));

  const volumes = await read((filter) => db.volumes.list(filter), waiting(VOLUMES));
  const moving = await read((filter) => db.volumes.list(filter), { backend, olderThanMs, isMigrating: true });
  const snapshots = await read((filter) => db.snapshots.list(filter), waiting(SNAPSHOTS));
  const groups = await read((filter) => db.groups.list(filter), waiting(GROUPS));
  const groupSnapshots = await read((filter) => db.groupSnapshots.list(filter), waiting(GROUP_SNAPSHOTS));

  const known = new Set(volumes.map(({ id }) => id));
  const found = [
    ...[...volumes, ...moving.filter(({ id }) => !known.has(id))].map((row) => told('Volume', row, ofVolume(row))),
    ...(await Promise.all(snapshots.map(async (row) => told('Snapshot', row, await ofSnapshot(db, row))))),
    ...groups.map((row) => told('Group', row, GROUPS[row.status ?? ''] ?? takenUp)),
    ...groupSnapshots.map((row) => told('GroupSnapshot', row, GROUP_SNAPSHOTS[row.status ?? ''] ?? takenUp)),
  ];
  const targets = new Map([...volumes, ...moving].map((row) => [row.id, migratedFrom(row)]));
  return found.filter(
    ({ type, id }) => !look.carried.has(`${type} ${id}`) && !look.carried.has(`Volume ${targets.get(id) ?? ''}`),
  );
}

async function ofSnapshot(db: Pick<Repositories, 'workers'>, row: Snapshot): Promise<Explanation> {
  if (row.status === 'creating' && !(await waitsToBeMade(db, row))) return notTakenIn;
  return SNAPSHOTS[row.status ?? ''] ?? takenUp;
}

function ofVolume(row: Volume): Explanation {
  const { status, snapshot_id, source_volid } = row;
  const source = migratedFrom(row);
  if (source !== null && status !== 'deleting') return ofTarget(source);
  if (status === 'creating' && (snapshot_id !== null || source_volid !== null)) return takenUp;
  return VOLUMES[status ?? ''] ?? (isMigrating(row) ? migrates : takenUp);
}

function ofTarget(source: string): Explanation {
  const named = (text: string): string => text.replaceAll('SOURCE', source);
  return { ...migrationTarget, reason: named(migrationTarget.reason), command: named(migrationTarget.command) };
}

function told(
  type: Uncarried['type'],
  row: Volume | Snapshot | Group | GroupSnapshot,
  explanation: Explanation,
): Uncarried {
  const { id, status, updated_at, created_at } = row;
  const { command, ...why } = explanation;
  const since = updated_at ?? created_at;
  return { type, id, status: status ?? '', since, ...why, command: command.replaceAll(/\bID\b/g, id) };
}

const pageSize = 200;
