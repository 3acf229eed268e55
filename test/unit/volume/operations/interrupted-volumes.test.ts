import { describe, test } from 'vitest';
import { attachmentRow } from '../calls/call-world.ts';
import { IMAGE } from './fake-images.ts';
import { creating, endsTheSame, failure, testInterrupted, worldOf, type Fails, type Scenario } from './interrupted.ts';
import {
  BACKUP,
  SHARE,
  SNAPSHOT,
  SNAPSHOT_2,
  SOURCE,
  VOLUME,
  backupRow,
  madeVolume,
  snapshotRow,
  volumeRow,
} from './rows.ts';
import type { World } from './world.ts';

function deleting(fails: Fails = {}): World {
  const own = (id: string) => snapshotRow({ id, volume_id: VOLUME, status: 'deleting' });
  return worldOf(
    {
      files: { [VOLUME]: 'data', [SNAPSHOT]: 'delta', [SNAPSHOT_2]: 'delta' },
      tables: {
        volumes: { [VOLUME]: madeVolume({ status: 'deleting', provider_location: SHARE }) },
        snapshots: { [SNAPSHOT]: own(SNAPSHOT), [SNAPSHOT_2]: own(SNAPSHOT_2) },
      },
    },
    fails,
  );
}

function unmanaging(): World {
  const volumes = { [VOLUME]: madeVolume({ status: 'unmanaging' }) };
  return worldOf({ files: { [VOLUME]: 'data' }, tables: { volumes } });
}

function extending(fails: Fails = {}): World {
  return worldOf(
    {
      files: { [VOLUME]: '3 GiB' },
      tables: {
        volumes: { [VOLUME]: madeVolume({ status: 'extending' }) },
        reservations: { r1: { of: 'project gigabytes', delta: 2 } },
      },
    },
    fails,
  );
}

function managing(fails: Fails = {}): World {
  return worldOf(
    {
      files: { 'disk.img': '5 GiB' },
      tables: {
        volumes: { [VOLUME]: volumeRow({ status: 'managing', size: 0 }) },
        limits: { 'project gigabytes': 40, 'project per_volume_gigabytes': 5 },
      },
    },
    fails,
  );
}

function reimaging(fails: Fails = {}, previous_status = 'available'): World {
  const at = creating({}, fails);
  at.db.tables.volumes[VOLUME] = madeVolume({ status: 'downloading', previous_status });
  if (previous_status === 'reserved') at.db.tables.attachments['a'] = attachmentRow();
  at.driver.files.set(VOLUME, 'old');
  return at;
}

function reverting(fails: Fails = {}): World {
  return worldOf(
    {
      files: { [VOLUME]: 'data', [SNAPSHOT]: 'delta' },
      tables: {
        volumes: { [VOLUME]: madeVolume({ status: 'reverting' }) },
        snapshots: { [SNAPSHOT]: snapshotRow({ volume_id: VOLUME, status: 'restoring' }) },
      },
    },
    fails,
  );
}

const retry = { filter_properties: { retry: { num_attempts: 1 } }, request_spec: { image_id: null } };
const cascade = { volume: { id: VOLUME }, cascade: true };
const create = { volume: { id: VOLUME }, ...retry };
const extend = { volume: { id: VOLUME }, new_size: 5, reservations: ['r1'] };
const manage = { volume: { id: VOLUME }, ref: 'disk.img' };
const reimage = { volume: { id: VOLUME }, image_meta: { id: IMAGE } };
const revert = { volume: { id: VOLUME }, snapshot: { id: SNAPSHOT } };

const scenarios: readonly Scenario[] = [
  ['an empty volume', 'create_volume', create, () => creating({})],
  ['a volume from a snapshot', 'create_volume', create, () => creating({ snapshot_id: SNAPSHOT })],
  ['a volume from a volume', 'create_volume', create, () => creating({ source_volid: SOURCE })],
  ['a creation that goes back', 'create_volume', create, () => creating({}, { create: failure })],
  ['a creation that fails', 'create_volume', { volume: { id: VOLUME } }, () => creating({}, { create: failure })],
  ['a deletion with snapshots', 'delete_volume', cascade, () => deleting()],
  ['a deletion that fails', 'delete_volume', cascade, () => deleting({ remove: failure })],
  [
    'a deletion that stops at a snapshot',
    'delete_volume',
    cascade,
    () => deleting({ [`snapshots.remove ${SNAPSHOT_2}`]: failure }),
  ],
  ['an extension', 'extend_volume', extend, () => extending()],
  ['an extension that fails', 'extend_volume', extend, () => extending({ extend: failure })],
  ['the end of an extension', 'extend_volume_completion', { ...extend, error: false }, () => extending()],
  ['the end of an extension that failed', 'extend_volume_completion', { ...extend, error: true }, () => extending()],
  ['a volume that is taken in', 'manage_existing', manage, () => managing()],
  ['a volume that cannot be taken in', 'manage_existing', manage, () => managing({ 'manage.take': failure })],
  ['a volume that is let go of', 'delete_volume', { volume: { id: VOLUME }, unmanage_only: true }, () => unmanaging()],
  ['a new image', 'reimage', reimage, () => reimaging()],
  ['a new image that cannot be written', 'reimage', reimage, () => reimaging({ 'image.write': failure })],
  ['a new image from a snapshot', 'reimage', { ...reimage, image_snap: { id: SNAPSHOT } }, () => reimaging()],
  ['a reversal', 'revert_to_snapshot', revert, () => reverting()],
  ['a reversal that fails', 'revert_to_snapshot', revert, () => reverting({ revert: failure })],
];

testInterrupted(scenarios);

describe('what a backup reads', () => {
  const request = { backup: { id: BACKUP } };
  const backup = (fails: Fails = {}): World => {
    const at = creating({}, fails);
    at.db.tables.backups[BACKUP] = backupRow({ snapshot_id: SNAPSHOT });
    at.db.tables.snapshots[SNAPSHOT] = snapshotRow({ status: 'backing-up' });
    return at;
  };

  test('ends the same, wherever an owner ends', () => endsTheSame('get_backup_device', request, () => backup()));
  test('fails the same, wherever an owner ends', () =>
    endsTheSame('get_backup_device', request, () => backup({ clone: failure })));
});

describe('a new image for a server that waits', () => {
  // Once more under the same note, Nova is told once more.
  test('ends the same, wherever an owner ends', () => endsTheSame('reimage', reimage, () => reimaging({}, 'reserved')));
});
