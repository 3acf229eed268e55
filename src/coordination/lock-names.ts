import { InvalidInputError } from '../kernel/errors.ts';

declare const lockNameBrand: unique symbol;

/** A Tooz lock's name without cinder's `cinder-` prefix. Only this file makes one. */
export type LockName = string & { readonly [lockNameBrand]: true };

/** Cinder puts this before every name it hands to Tooz; it is a format, shared with Python peers. */
const wirePrefix = 'cinder-';

/** Longest name that every backend takes: MySQL's GET_LOCK allows 64 characters, prefix included. */
const longestWireName = 64;

/**
 * Checks a name that came from outside (a command line). Names are ASCII (Tooz refuses others), and none may hold a
 * slash, which would leave the lock folder or nest a ZooKeeper node.
 */
export function lockName(text: string): LockName {
  if (!/^[A-Za-z0-9._:@-]+$/.test(text)) {
    throw new InvalidInputError('lock name', `"${text}" may hold letters, digits and . _ : @ - only`);
  }
  if (wirePrefix.length + text.length > longestWireName) {
    throw new InvalidInputError(
      'lock name',
      `"${text}" is longer than ${longestWireName - wirePrefix.length} characters`,
    );
  }
  return text as LockName;
}

/** The name as Tooz knows it: what files, ZooKeeper nodes and Redis keys are called after. */
export function wireName(name: LockName): string {
  return wirePrefix + name;
}

/** The manager's and the drivers' lock names (spec: locks.md §2); each is spelled here and nowhere else. */
export const lockNames = {
  /** Held while a volume is deleted, and while another volume is created from it. */
  deleteVolume: (volumeId: string): LockName => lockName(`${volumeId}-delete_volume`),
  /** Held while a snapshot is deleted, and while a volume is created from it. */
  deleteSnapshot: (snapshotId: string): LockName => lockName(`${snapshotId}-delete_snapshot`),
  attachVolume: (volumeId: string): LockName => lockName(volumeId),
  detachVolume: (volumeId: string): LockName => lockName(`${volumeId}-detach_volume`),
  /** One download of an image into the image volume cache at a time. */
  image: (imageId: string): LockName => lockName(imageId),
  /** A RemoteFS driver's lock on a volume's chain; `prefix` is the driver's (`nfs`). */
  driverVolume: (prefix: string, volumeId: string): LockName => lockName(`${prefix}-${volumeId}`),
  /** Ours alone: whoever changes a group's membership or its members together. */
  group: (groupId: string): LockName => lockName(`aa-group-${withoutHyphens(groupId)}`),
  groupSnapshot: (groupSnapshotId: string): LockName => lockName(`aa-groupsnap-${withoutHyphens(groupSnapshotId)}`),
  /** Ours alone: a file that an operator put on a share is taken in by one at a time. */
  foundFile: (fileId: string): LockName => lockName(`aa-file-${withoutHyphens(fileId)}`),
  /** Ours alone: failing a backend over touches all of its rows. `backend`: `host@backend` or `cluster@backend`. */
  failover: (backend: string): LockName =>
    lockName(`aa-failover-${backend}`.slice(0, longestWireName - wirePrefix.length)),
  /** Ours alone: setting up a backend (mounts, NAS security) is done by one replica at a time. */
  backendSetup: (backend: string): LockName =>
    lockName(`aa-setup-${backend}`.slice(0, longestWireName - wirePrefix.length)),
  /**
   * Ours alone: each run of a process holds the one in its own name, so that others can see that they are kept out.
   * Without hyphens, or `cinder-manage util clean_locks` would take it for a removed volume's and unlink its file.
   */
  meet: (incarnationId: string): LockName => lockName(`aa-meet-${withoutHyphens(incarnationId)}`),
  /** Ours alone: never held for longer than a round trip, to see that the lock service answers. */
  meetControl: lockName('aa-meet-control'),
} as const;

/**
 * Who attaches or detaches a volume, or ends a connection, takes both: by Python's names alone these would not exclude
 * one another. Who deletes it takes the first one as well, which is held for moments only, unlike `delete_volume` of a
 * volume that is being cloned.
 */
export function attachmentLocks(volumeId: string): readonly LockName[] {
  return [lockNames.attachVolume(volumeId), lockNames.detachVolume(volumeId)];
}

/**
 * `cinder-manage util clean_locks` unlinks lock files that end in the id of no volume, also while somebody holds or
 * waits for them. It knows ids by their hyphens.
 */
function withoutHyphens(id: string): string {
  return id.replaceAll('-', '');
}

/** Every name once, in the one order in which everybody takes them (code units, as Python sorts str). */
export function sortLockNames(names: Iterable<LockName>): readonly LockName[] {
  return [...new Set(names)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
