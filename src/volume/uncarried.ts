import type { Repositories } from '../db/database.ts';
import type { Snapshot, Timestamp, Volume } from '../domain/rows.ts';
import { everyRow } from '../kernel/pages.ts';
import { waitsToBeMade } from './lost-creation.ts';

/*
 * Rows that wait for somebody although no journal entry carries them: whom they wait for, why this service does not
 * touch them, and what an operator does if nobody comes. Reconciliation takes up what is on its closed list
 * (lost-requests.ts); all else is only reported, because a guess could undo what somebody else is doing.
 */

export interface Uncarried {
  readonly type: 'Volume' | 'Snapshot';
  readonly id: string;
  readonly status: string;
  /** Its last change. */
  readonly since: Timestamp | null;
  readonly reason: string;
  /** What settles it. */
  readonly command: string;
}

interface Explanation {
  readonly reason: string;
  /** `ID` stands for the row's. */
  readonly command: string;
}

const takenUp: Explanation = {
  reason: 'its request was lost; the next look of a running replica takes it up',
  command: 'cinder-volume-aa requests list   # again in a minute; cinder-volume-aa service list shows whether one runs',
};

const ofNova = (what: string): Explanation => ({
  reason: `${what} belongs to the API and to Nova, which may still be at it`,
  command:
    'openstack volume show ID; if no server has it or wants it: openstack volume set --state available --detached ID',
});

/** Of a volume whose data a lost request cannot have harmed. */
const backToAvailable = 'openstack volume set --state available ID';

const VOLUMES: Readonly<Record<string, Explanation>> = {
  creating: {
    reason: 'its row does not say what it is made from: an image, a backup that is restored, and nothing look the same',
    command: 'openstack volume set --state error ID && openstack volume delete ID',
  },
  deleting: takenUp,
  downloading: {
    reason: 'which image it was to get, only the lost request said',
    command: 'openstack volume set --state error ID && openstack volume delete ID',
  },
  uploading: {
    reason: 'which image it was copied to, only the lost request said',
    command: `${backToAvailable}; then delete the image that stays queued or saving`,
  },
  extending: {
    reason: 'its new size and the reservation of its quota stood in the lost request only',
    command: `${backToAvailable}; then openstack volume set --size GIB ID once more`,
  },
  retyping: {
    reason: 'its new type, host and reservations stood in the lost request only',
    command: `${backToAvailable}; then openstack volume set --type TYPE ID once more`,
  },
  reverting: {
    reason:
      'the snapshot that it was to go back to stood in the lost request only; its data may be old, new or between',
    command: 'openstack volume set --state available ID; then revert it once more',
  },
  managing: {
    reason: 'which file it was to take in, only the lost request said',
    command: 'openstack volume set --state error_managing ID && openstack volume delete ID   # unmanages it',
  },
  unmanaging: {
    reason: 'a lost unmanage looks like one that cinder-api has not sent yet',
    command: 'openstack volume set --state available ID; then openstack volume delete --remote ID once more',
  },
  error_managing_deleting: {
    reason: 'a lost deletion of a volume that was never taken in whole',
    command: 'openstack volume set --state error_managing ID && openstack volume delete ID',
  },
  'backing-up': {
    reason: "the backup is cinder-backup's, which settles it when it starts again",
    command: 'openstack volume backup list --volume ID; if none is creating: cinder reset-state --state available ID',
  },
  'restoring-backup': {
    reason: "the restore is cinder-backup's, which settles it when it starts again",
    command: 'openstack volume backup list; if none is restoring: openstack volume set --state error ID',
  },
  attaching: ofNova('an attachment'),
  detaching: ofNova('a detachment'),
  reserved: ofNova('a reservation'),
  maintenance: {
    reason: 'an online migration or a retype with migration has it',
    command: 'cinder-volume-aa requests list; if nothing migrates it: cinder reset-state --reset-migration-status ID',
  },
};

const SNAPSHOTS: Readonly<Record<string, Explanation>> = {
  creating: takenUp,
  deleting: takenUp,
  unmanaging: {
    reason: 'a lost unmanage looks like one that cinder-api has not sent yet',
    command: 'openstack volume snapshot set --state available ID; then unmanage it once more',
  },
  updating: {
    reason: 'Nova was asked for its part of the snapshot, and may still be at it',
    command: 'openstack volume snapshot set --state error ID && openstack volume snapshot delete ID',
  },
  'backing-up': {
    reason: "the backup is cinder-backup's, which settles it when it starts again",
    command: 'openstack volume backup list; if none is creating: openstack volume snapshot set --state available ID',
  },
  restoring: {
    reason: 'a volume is reverted to it or restored from it',
    command: 'openstack volume snapshot set --state available ID, once the volume is settled',
  },
};

/** A snapshot that is `creating` all the same. */
const notTakenIn: Explanation = {
  reason: 'which snapshot it was to take in, only the lost request said',
  command:
    'openstack volume snapshot set --state error ID && openstack volume snapshot delete ID   # touches nothing else',
};

export interface UncarriedLook {
  /** `host@backend` or `cluster@backend`. */
  readonly backend: string;
  /** `Volume <id>`, `Snapshot <id>` of all unfinished entries. */
  readonly carried: ReadonlySet<string>;
  /** Younger rows may well be on their way. */
  readonly olderThanMs: number;
}

/** What waits on this backend and is carried by nobody. */
export async function findUncarried(
  db: Pick<Repositories, 'volumes' | 'snapshots' | 'workers'>,
  look: UncarriedLook,
): Promise<readonly Uncarried[]> {
  const { backend, olderThanMs } = look;
  const waiting = (statuses: object) => ({ backend, olderThanMs, statuses: Object.keys(statuses) });
  const volumes = await everyRow(pageSize, (page) => db.volumes.list({ ...waiting(VOLUMES), ...page }));
  const snapshots = await everyRow(pageSize, (page) => db.snapshots.list({ ...waiting(SNAPSHOTS), ...page }));
  const isLeft = (type: Uncarried['type'], { id }: { readonly id: string }): boolean =>
    !look.carried.has(`${type} ${id}`);
  const left = snapshots.filter((row) => isLeft('Snapshot', row));
  return [
    ...volumes.filter((row) => isLeft('Volume', row)).map((row) => told('Volume', row, ofVolume(row))),
    ...(await Promise.all(left.map(async (row) => told('Snapshot', row, await ofSnapshot(db, row))))),
  ];
}

async function ofSnapshot(db: Pick<Repositories, 'workers'>, row: Snapshot): Promise<Explanation> {
  if (row.status === 'creating' && !(await waitsToBeMade(db, row))) return notTakenIn;
  return SNAPSHOTS[row.status ?? ''] ?? takenUp;
}

function ofVolume(row: Volume): Explanation {
  const { status, snapshot_id, source_volid } = row;
  if (status === 'creating' && (snapshot_id !== null || source_volid !== null)) return takenUp;
  return VOLUMES[status ?? ''] ?? takenUp;
}

function told(type: Uncarried['type'], row: Volume | Snapshot, { reason, command }: Explanation): Uncarried {
  const { id, status, updated_at, created_at } = row;
  const since = updated_at ?? created_at;
  return { type, id, status: status ?? '', since, reason, command: command.replaceAll(/\bID\b/g, id) };
}

const pageSize = 200;
