import { AppError } from '../kernel/errors.ts';

/*
 * Every move of a status that this service makes, and no other: what API, scheduler, backup service and Nova do with
 * the same columns is theirs. The left side is what a request finds (set before the message was sent), the right side
 * what its settlement writes. `deleted` stands for the row's soft deletion.
 */

export const VOLUME_MOVES = {
  /** A reschedule keeps `creating`; a migration target whose creation failed for good is removed. */
  creating: ['available', 'creating', 'downloading', 'error'],
  /** From an image; or a volume that gets another image, and goes back to what it was. */
  downloading: ['available', 'creating', 'error', 'reserved'],
  uploading: ['available', 'in-use'],
  /** What is to be read for the backup could not be had. (Else the backup service gives the status back.) */
  'backing-up': ['available', 'in-use'],
  /** `available`: it was busy and nothing was removed. `error`: it was to go with its group. */
  deleting: ['deleted', 'available', 'error_deleting', 'error'],
  /** A volume whose taking-in failed and that is deleted: like `deleting`, but it never counted against a quota. */
  error_managing_deleting: ['deleted', 'available', 'error_deleting'],
  unmanaging: ['deleted', 'available', 'error_unmanaging'],
  managing: ['available', 'error_managing'],
  extending: ['available', 'in-use', 'error_extending'],
  reverting: ['available', 'error'],
  /** Back to what it was, with another type or not; attachments that came by the way decide. */
  retyping: ['available', 'in-use', 'reserved', 'attaching', 'detaching'],
  /** A migration that keeps others from the volume. */
  maintenance: ['available', 'in-use', 'reserved', 'attaching', 'detaching'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export const SNAPSHOT_MOVES = {
  creating: ['available', 'error'],
  'backing-up': ['available'],
  /** `error`: it was to go with its group snapshot. */
  deleting: ['deleted', 'available', 'error_deleting', 'error'],
  /** There is no `error_unmanaging` among upstream's snapshot statuses. */
  unmanaging: ['deleted', 'available', 'error_deleting'],
  /** Its volume goes back to it, or fails to: the snapshot stays as it is. */
  restoring: ['available'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export const GROUP_MOVES = {
  creating: ['available', 'error'],
  updating: ['available', 'error'],
  deleting: ['deleted', 'error'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export const GROUP_SNAPSHOT_MOVES = {
  creating: ['available', 'error'],
  deleting: ['deleted', 'error'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

const MOVES = {
  Volume: VOLUME_MOVES,
  Snapshot: SNAPSHOT_MOVES,
  Group: GROUP_MOVES,
  GroupSnapshot: GROUP_SNAPSHOT_MOVES,
} as const;

type Kind = keyof typeof MOVES;

export type VolumeTarget = (typeof VOLUME_MOVES)[keyof typeof VOLUME_MOVES][number];
export type SnapshotTarget = (typeof SNAPSHOT_MOVES)[keyof typeof SNAPSHOT_MOVES][number];
export type GroupTarget = (typeof GROUP_MOVES)[keyof typeof GROUP_MOVES][number];
export type GroupSnapshotTarget = (typeof GROUP_SNAPSHOT_MOVES)[keyof typeof GROUP_SNAPSHOT_MOVES][number];

export function isLegalMove(kind: Kind, from: string | null, to: string): boolean {
  const moves: Readonly<Record<string, readonly string[]>> = MOVES[kind];
  return from !== null && Object.hasOwn(moves, from) && (moves[from] ?? []).includes(to);
}

/** Throws `IllegalMoveError`: a fault of this program, found before it reaches the database. */
export function assertMove(kind: Kind, from: string | null, to: string): void {
  if (!isLegalMove(kind, from, to)) throw new IllegalMoveError(kind, from, to);
}

export class IllegalMoveError extends AppError {
  readonly code = 'ILLEGAL_MOVE';
  constructor(kind: string, from: string | null, to: string) {
    super(`a ${kind} never goes from ${String(from)} to ${to}`, { outcome: 'not-started' });
  }
}
