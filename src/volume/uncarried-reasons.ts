/** Why a row is left alone, and what an operator does about it. */
export interface Explanation {
  /** Who: a running replica by itself, an operator, or another service (the API, Nova, cinder-backup). */
  readonly settledBy: 'replica' | 'operator' | 'others';
  readonly reason: string;
  /** `ID` stands for the row's. */
  readonly command: string;
}

/** Of all that a running replica takes up by itself. */
export const takenUp: Explanation = {
  settledBy: 'replica',
  reason: 'its request was lost; the next look of a running replica takes it up',
  command: 'cinder-volume-aa requests list   # again in a minute; cinder-volume-aa service list shows whether one runs',
};

const ofNova = (what: string): Explanation => ({
  settledBy: 'others',
  reason: `${what} belongs to the API and to Nova, which may still be at it`,
  command:
    'openstack volume show ID; if no server has it or wants it: openstack volume set --state available --detached ID',
});

/** Of a volume whose data a lost request cannot have harmed. */
const backToAvailable = 'openstack volume set --state available ID';

/** By status. */
export const VOLUMES: Readonly<Record<string, Explanation>> = {
  creating: {
    settledBy: 'operator',
    reason:
      'its row does not say what it is made from (an image, a backup that is restored, and nothing look the same), and no replica has found a copy of its request',
    command: 'openstack volume set --state error ID && openstack volume delete ID',
  },
  deleting: takenUp,
  downloading: {
    settledBy: 'operator',
    reason: 'which image it was to get, only the lost request said',
    command: 'openstack volume set --state error ID && openstack volume delete ID',
  },
  uploading: {
    settledBy: 'operator',
    reason: 'which image it was copied to, only the lost request said',
    command: `${backToAvailable}; then delete the image that stays queued or saving`,
  },
  extending: {
    settledBy: 'operator',
    reason: 'its new size and the reservation of its quota stood in the lost request only',
    command: `${backToAvailable}; then openstack volume set --size GIB ID once more`,
  },
  retyping: {
    settledBy: 'operator',
    reason: 'its new type, host and reservations stood in the lost request only',
    command: `${backToAvailable}; then openstack volume set --type TYPE ID once more`,
  },
  reverting: {
    settledBy: 'operator',
    reason:
      'the snapshot that it was to go back to stood in the lost request only; its data may be old, new or between',
    command: 'openstack volume set --state available ID; then revert it once more',
  },
  managing: {
    settledBy: 'operator',
    reason: 'which file it was to take in, only the lost request said',
    command: 'cinder reset-state --state error_managing ID && openstack volume delete ID   # unmanages it',
  },
  unmanaging: {
    settledBy: 'operator',
    reason: 'a lost unmanage looks like one that cinder-api has not sent yet',
    command: 'openstack volume set --state available ID; then cinder unmanage ID once more',
  },
  error_managing_deleting: {
    settledBy: 'operator',
    reason: 'a lost deletion of a volume that was never taken in whole',
    command: 'cinder reset-state --state error_managing ID && openstack volume delete ID',
  },
  'backing-up': {
    settledBy: 'others',
    reason: "the backup is cinder-backup's, which settles it when it starts again",
    command: 'openstack volume backup list --volume ID; if none is creating: cinder reset-state --state available ID',
  },
  'restoring-backup': {
    settledBy: 'others',
    reason: "the restore is cinder-backup's, which settles it when it starts again",
    command: 'openstack volume backup list; if none is restoring: openstack volume set --state error ID',
  },
  attaching: ofNova('an attachment'),
  detaching: ofNova('a detachment'),
  reserved: ofNova('a reservation'),
  maintenance: {
    settledBy: 'operator',
    reason: 'an online migration or a retype with migration has it',
    command: 'cinder-volume-aa requests list; if nothing migrates it: cinder reset-state --reset-migration-status ID',
  },
};

export const SNAPSHOTS: Readonly<Record<string, Explanation>> = {
  creating: takenUp,
  deleting: takenUp,
  unmanaging: {
    settledBy: 'operator',
    reason: 'a lost unmanage looks like one that cinder-api has not sent yet',
    command: 'openstack volume snapshot set --state available ID; then unmanage it once more',
  },
  updating: {
    settledBy: 'operator',
    reason: 'Nova was asked for its part of the snapshot, and may still be at it',
    command: 'openstack volume snapshot set --state error ID && openstack volume snapshot delete ID',
  },
  'backing-up': {
    settledBy: 'others',
    reason: "the backup is cinder-backup's, which settles it when it starts again",
    command: 'openstack volume backup list; if none is creating: openstack volume snapshot set --state available ID',
  },
  restoring: {
    settledBy: 'operator',
    reason: 'a volume is reverted to it or restored from it',
    command: 'openstack volume snapshot set --state available ID, once the volume is settled',
  },
};

/** A snapshot that is `creating` all the same. */
export const notTakenIn: Explanation = {
  settledBy: 'operator',
  reason: 'which snapshot it was to take in, only the lost request said',
  command:
    'openstack volume snapshot set --state error ID && openstack volume snapshot delete ID   # touches nothing else',
};

export const GROUPS: Readonly<Record<string, Explanation>> = {
  creating: {
    settledBy: 'operator',
    reason: 'what it was to be made from, only the lost request said',
    command: groupState('error', 'delete it'),
  },
  deleting: {
    settledBy: 'operator',
    reason: 'a lost deletion of a group looks like one whose members are being deleted one by one',
    command: groupState('error', 'delete it once more'),
  },
  updating: {
    settledBy: 'operator',
    reason: 'which volumes were to come or go, only the lost request said',
    command: groupState('available', 'update it once more'),
  },
};

export const GROUP_SNAPSHOTS: Readonly<Record<string, Explanation>> = {
  creating: {
    settledBy: 'operator',
    reason: 'its members are taken up one by one, and nobody counts them for it',
    command: groupSnapshotState('delete it'),
  },
  deleting: {
    settledBy: 'operator',
    reason: 'its members are taken up one by one, and nobody counts them for it',
    command: groupSnapshotState('delete it once more'),
  },
};

/** Of a volume that goes elsewhere. */
export const migrates: Explanation = {
  settledBy: 'operator',
  reason: 'where it was to go, only the lost request said',
  command: 'cinder reset-state --reset-migration-status ID; then migrate it once more',
};

/** `SOURCE` stands for the volume that was to go there. */
export const migrationTarget: Explanation = {
  settledBy: 'operator',
  reason: 'it was made for the migration of the volume SOURCE, and goes with it',
  command:
    'once SOURCE is settled: cinder reset-state --state error --reset-migration-status ID && openstack volume delete ID',
};

function groupState(state: string, next: string): string {
  return `cinder --os-volume-api-version 3.20 reset-state --type group --state ${state} ID; then ${next}`;
}

function groupSnapshotState(next: string): string {
  return `cinder --os-volume-api-version 3.20 reset-state --type group-snapshot --state error ID; then ${next}`;
}
