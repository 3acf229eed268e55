import { describe, expect, test } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { JsonObject } from '../../../../src/domain/json.ts';
import { lostAnswer } from '../../../support/fake-resources.ts';
import { attachmentRow } from '../calls/call-world.ts';
import { IMAGE } from './fake-images.ts';
import {
  BACKUP,
  GROUP,
  GROUP_2,
  GROUP_SNAPSHOT,
  SHARE,
  SNAPSHOT,
  SNAPSHOT_2,
  SOURCE,
  VOLUME,
  backupRow,
  goldType,
  groupRow,
  groupSnapshotRow,
  madeVolume,
  serviceRow,
  snapshotRow,
  volumeRow,
} from './rows.ts';
import { World } from './world.ts';

/*
 * An owner may end, or lose an answer, at every single statement and step. Each operation is run once undisturbed; then
 * once for each of its calls, with that call failing before its effect, and failing after it. A successor carries on
 * from there. What is left in the end must be the same to the last column, message and file.
 */

const retry = { filter_properties: { retry: { num_attempts: 1 } }, request_spec: { image_id: null } };
const quotas = { 'project volumes': 5, 'project gigabytes': 30, 'project snapshots': 5 };
const volumeTypes = { [goldType.id]: goldType };

function creating(row: object, fails: Readonly<Record<string, CinderError>> = {}): World {
  const volumes = { [VOLUME]: volumeRow(row), [SOURCE]: madeVolume({ id: SOURCE, bootable: true }) };
  const values = { [`glance ${SOURCE}`]: { image_id: 'i' }, [`glance ${SNAPSHOT}`]: { image_id: 'i' } };
  const at = new World({
    files: { [SOURCE]: 'data' },
    tables: { volumes, volumeTypes, quotas, values, snapshots: { [SNAPSHOT]: snapshotRow() } },
  });
  for (const [step, error] of Object.entries(fails)) at.driver.fails.set(step, error);
  return at;
}

function deleting(fails: Readonly<Record<string, CinderError>> = {}): World {
  const own = (id: string) => snapshotRow({ id, volume_id: VOLUME, status: 'deleting' });
  const at = new World({
    files: { [VOLUME]: 'data', [SNAPSHOT]: 'delta', [SNAPSHOT_2]: 'delta' },
    tables: {
      volumes: { [VOLUME]: madeVolume({ status: 'deleting', provider_location: SHARE }) },
      snapshots: { [SNAPSHOT]: own(SNAPSHOT), [SNAPSHOT_2]: own(SNAPSHOT_2) },
      volumeTypes,
      quotas,
    },
  });
  for (const [step, error] of Object.entries(fails)) at.driver.fails.set(step, error);
  return at;
}

function managingSnapshot(fails: Readonly<Record<string, CinderError>> = {}): World {
  const at = snapshot('creating', fails);
  at.driver.files.set('overlay', '5 GiB');
  at.db.tables.limits = { 'project gigabytes': 40 };
  return at;
}

function unmanaging(): World {
  const volumes = { [VOLUME]: madeVolume({ status: 'unmanaging' }) };
  return new World({ files: { [VOLUME]: 'data' }, tables: { volumes, volumeTypes, quotas } });
}

function snapshot(status: string, fails: Readonly<Record<string, CinderError>> = {}): World {
  const at = creating({}, fails);
  at.db.tables.snapshots[SNAPSHOT] = snapshotRow({ status });
  return at;
}

function extending(fails: Readonly<Record<string, CinderError>> = {}): World {
  const at = new World({
    files: { [VOLUME]: '3 GiB' },
    tables: {
      volumes: { [VOLUME]: madeVolume({ status: 'extending' }) },
      volumeTypes,
      quotas,
      reservations: { r1: { of: 'project gigabytes', delta: 2 } },
    },
  });
  for (const [step, error] of Object.entries(fails)) at.driver.fails.set(step, error);
  return at;
}

function managing(fails: Readonly<Record<string, CinderError>> = {}): World {
  const at = new World({
    files: { 'disk.img': '5 GiB' },
    tables: {
      volumes: { [VOLUME]: volumeRow({ status: 'managing', size: 0 }) },
      volumeTypes,
      quotas,
      limits: { 'project gigabytes': 40, 'project per_volume_gigabytes': 5 },
    },
  });
  for (const [step, error] of Object.entries(fails)) at.driver.fails.set(step, error);
  return at;
}

function reimaging(fails: Readonly<Record<string, CinderError>> = {}, previous_status = 'available'): World {
  const at = creating({}, fails);
  at.db.tables.volumes[VOLUME] = madeVolume({ status: 'downloading', previous_status });
  if (previous_status === 'reserved') at.db.tables.attachments['a'] = attachmentRow();
  at.driver.files.set(VOLUME, 'old');
  return at;
}

function reverting(fails: Readonly<Record<string, CinderError>> = {}): World {
  const at = new World({
    files: { [VOLUME]: 'data', [SNAPSHOT]: 'delta' },
    tables: {
      volumes: { [VOLUME]: madeVolume({ status: 'reverting' }) },
      snapshots: { [SNAPSHOT]: snapshotRow({ volume_id: VOLUME, status: 'restoring' }) },
      volumeTypes,
      quotas,
    },
  });
  for (const [step, error] of Object.entries(fails)) at.driver.fails.set(step, error);
  return at;
}

function migrating(
  fails: Readonly<Record<string, CinderError>> = {},
  row: object = { migration_status: 'starting' },
): World {
  const at = new World({
    files: { [VOLUME]: 'data' },
    tables: {
      volumes: { [VOLUME]: madeVolume({ previous_status: 'available', ...row }) },
      services: { 8: serviceRow({ id: 8, host: 'other@nfs9' }) },
      volumeTypes: { ...volumeTypes, [GROUP]: { ...goldType, id: GROUP, extra_specs: { speed: 'high' } } },
      quotas,
      reservations: { r1: { of: 'project gigabytes', delta: 2 } },
    },
  });
  for (const [step, error] of Object.entries(fails)) at.driver.fails.set(step, error);
  return at;
}

/** A group of two volumes, each with a snapshot of one group snapshot, and another group that is made from it. */
function group(
  statuses: { group?: string; groupSnapshot?: string; volume?: string; snapshot?: string; copy?: string },
  fails: Readonly<Record<string, CinderError>> = {},
): World {
  const volumeStatus = statuses.volume ?? 'available';
  const member = (id: string) =>
    madeVolume({ id, group_id: GROUP, status: volumeStatus, replication_status: 'disabled' });
  const own = (id: string, volume_id: string) =>
    snapshotRow({ id, volume_id, group_snapshot_id: GROUP_SNAPSHOT, status: statuses.snapshot ?? 'available' });
  const copy = (id: string, source: object) => volumeRow({ id, group_id: GROUP_2, ...source });
  const hasSnapshots = statuses.snapshot !== undefined;
  const at = new World({
    files: { [VOLUME]: 'data', [SOURCE]: 'data', [SNAPSHOT]: 'delta', [SNAPSHOT_2]: 'delta' },
    tables: {
      volumeTypes,
      quotas: { ...quotas, 'project groups': 2 },
      services: { 7: serviceRow() },
      groups: {
        [GROUP]: groupRow({ status: statuses.group ?? 'available' }),
        [GROUP_2]: groupRow({ id: GROUP_2, source_group_id: GROUP, status: statuses.copy ?? 'available' }),
      },
      groupSnapshots: { [GROUP_SNAPSHOT]: groupSnapshotRow({ status: statuses.groupSnapshot ?? 'available' }) },
      volumes: {
        [VOLUME]: member(VOLUME),
        [SOURCE]: member(SOURCE),
        ...(statuses.copy === undefined
          ? {}
          : { [COPY]: copy(COPY, { source_volid: VOLUME }), [COPY_2]: copy(COPY_2, { source_volid: SOURCE }) }),
      },
      snapshots: hasSnapshots ? { [SNAPSHOT]: own(SNAPSHOT, VOLUME), [SNAPSHOT_2]: own(SNAPSHOT_2, SOURCE) } : {},
    },
  });
  for (const [step, error] of Object.entries(fails)) at.driver.fails.set(step, error);
  return at;
}

const COPY = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
const COPY_2 = 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb';
const ofGroup = { group: { id: GROUP } };
const ofCopy = { group: { id: GROUP_2 } };
const ofGroupSnapshot = { group_snapshot: { id: GROUP_SNAPSHOT } };
const failure = new CinderError('NfsException', {});
const cascade = { volume: { id: VOLUME }, cascade: true };
const create = { volume: { id: VOLUME }, ...retry };
const ofSnapshot = { snapshot: { id: SNAPSHOT } };
const extend = { volume: { id: VOLUME }, new_size: 5, reservations: ['r1'] };
const manage = { volume: { id: VOLUME }, ref: 'disk.img' };
const manageSnapshot = { ...ofSnapshot, ref: 'overlay' };
const reimage = { volume: { id: VOLUME }, image_meta: { id: IMAGE } };
const revert = { volume: { id: VOLUME }, ...ofSnapshot };

const migrate = { volume: { id: VOLUME }, host: { host: 'other@nfs9#pool' } };
const retype = { ...migrate, new_type_id: GROUP, migration_policy: 'on-demand', reservations: ['r1'] };
const sameType = { ...retype, new_type_id: goldType.id, host: { host: 'ctl@nfs1#pool' } };

const scenarios: readonly (readonly [what: string, method: string, args: JsonObject, make: () => World])[] = [
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
  ['a snapshot', 'create_snapshot', ofSnapshot, () => snapshot('creating')],
  ['a snapshot that fails', 'create_snapshot', ofSnapshot, () => snapshot('creating', { 'snapshots.create': failure })],
  ['the deletion of a snapshot', 'delete_snapshot', ofSnapshot, () => snapshot('deleting')],
  [
    'the deletion of a snapshot that fails',
    'delete_snapshot',
    ofSnapshot,
    () => snapshot('deleting', { 'snapshots.remove': failure }),
  ],
  ['an extension', 'extend_volume', extend, () => extending()],
  ['an extension that fails', 'extend_volume', extend, () => extending({ extend: failure })],
  ['the end of an extension', 'extend_volume_completion', { ...extend, error: false }, () => extending()],
  ['the end of an extension that failed', 'extend_volume_completion', { ...extend, error: true }, () => extending()],
  ['a volume that is taken in', 'manage_existing', manage, () => managing()],
  ['a volume that cannot be taken in', 'manage_existing', manage, () => managing({ 'manage.take': failure })],
  ['a volume that is let go of', 'delete_volume', { volume: { id: VOLUME }, unmanage_only: true }, () => unmanaging()],
  ['a snapshot that is taken in', 'manage_existing_snapshot', manageSnapshot, () => managingSnapshot()],
  [
    'a snapshot that cannot be taken in',
    'manage_existing_snapshot',
    manageSnapshot,
    () => managingSnapshot({ 'manageSnapshot.take': failure }),
  ],
  [
    'a snapshot that is let go of',
    'delete_snapshot',
    { ...ofSnapshot, unmanage_only: true },
    () => snapshot('unmanaging'),
  ],
  ['a new image', 'reimage', reimage, () => reimaging()],
  ['a new image that cannot be written', 'reimage', reimage, () => reimaging({ 'image.write': failure })],
  ['a new image from a snapshot', 'reimage', { ...reimage, image_snap: { id: SNAPSHOT } }, () => reimaging()],
  ['a reversal', 'revert_to_snapshot', revert, () => reverting()],
  ['a reversal that fails', 'revert_to_snapshot', revert, () => reverting({ revert: failure })],
  ['a migration', 'migrate_volume', migrate, () => migrating()],
  ['a migration that fails', 'migrate_volume', migrate, () => migrating({ copy: failure })],
  ['a retype', 'retype', retype, () => migrating({}, { status: 'retyping' })],
  ['a retype that fails', 'retype', retype, () => migrating({ copy: failure }, { status: 'retyping' })],
  ['a retype that moves nothing', 'retype', sameType, () => migrating({}, { status: 'retyping' })],
  ['a group', 'create_group', ofGroup, () => group({ group: 'creating' })],
  ['a group that changes', 'update_group', { ...ofGroup, remove_volumes: VOLUME }, () => group({ group: 'updating' })],
  [
    'a group that refuses to change',
    'update_group',
    { ...ofGroup, add_volumes: SNAPSHOT },
    () => group({ group: 'updating' }),
  ],
  ['the deletion of a group', 'delete_group', ofGroup, () => group({ group: 'deleting', volume: 'deleting' })],
  [
    'the deletion of a group that fails at one volume',
    'delete_group',
    ofGroup,
    () => group({ group: 'deleting', volume: 'deleting' }, { [`remove ${SOURCE}`]: failure }),
  ],
  ['a group from a group', 'create_group_from_src', ofCopy, () => group({ copy: 'creating' })],
  [
    'a group from a group that fails at one volume',
    'create_group_from_src',
    ofCopy,
    () => group({ copy: 'creating' }, { [`clone ${COPY_2}`]: failure }),
  ],
  [
    'a group snapshot',
    'create_group_snapshot',
    ofGroupSnapshot,
    () => group({ groupSnapshot: 'creating', snapshot: 'creating' }),
  ],
  [
    'a group snapshot that fails at one volume',
    'create_group_snapshot',
    ofGroupSnapshot,
    () => group({ groupSnapshot: 'creating', snapshot: 'creating' }, { [`snapshots.create ${SNAPSHOT_2}`]: failure }),
  ],
  [
    'the deletion of a group snapshot',
    'delete_group_snapshot',
    ofGroupSnapshot,
    () => group({ groupSnapshot: 'deleting', snapshot: 'deleting' }),
  ],
  [
    'the deletion of a group snapshot that fails at one volume',
    'delete_group_snapshot',
    ofGroupSnapshot,
    () => group({ groupSnapshot: 'deleting', snapshot: 'deleting' }, { [`snapshots.remove ${SNAPSHOT_2}`]: failure }),
  ],
];

/** Fails the nth call of a port, once; `count` says how many calls there were. */
function interruptAt(at: World, nth: number): { count: number; name: string } {
  const seen = { count: 0, name: '' };
  const hook = (name: string, when: 'before' | 'after'): void => {
    seen.count += 1;
    if (seen.count !== nth) return;
    seen.name = `${when} ${name}`;
    throw lostAnswer(seen.name);
  };
  at.db.hook = hook;
  at.driver.hook = hook;
  at.peers.hook = hook;
  return seen;
}

describe('a failover', () => {
  test('ends the same, wherever an owner ends', async () => {
    await endsTheSame('failover', { secondary_backend_id: 'b' }, () => group({ snapshot: 'available' }));
  });
});

describe('what a backup reads', () => {
  const request = { backup: { id: BACKUP } };
  const backup = (fails: Readonly<Record<string, CinderError>> = {}): World => {
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

describe.each(scenarios)('%s', (_what, method, args, make) => {
  test('ends the same, wherever an owner ends', () => endsTheSame(method, args, make));

  test('changes nothing when it is carried out once more', async () => {
    const at = await make().carry(method, args);
    const { entry: _entry, ...before } = structuredClone(at.endState()) as { entry: unknown };
    at.db.tables.entry = { outcome: null, detail: null };
    at.driver.calls.length = 0;
    await at.carry(method, args);
    const { entry: _again, ...after } = at.endState() as { entry: unknown };
    // A volume that went back keeps the workers row that the scheduler is to find; here nobody took it since.
    expect({ ...after, workers: {} }).toEqual({ ...before, workers: {} });
    expect(at.idle).not.toBeNull();
    expect(at.driver.calls).toEqual([]);
  });
});

async function endsTheSame(method: string, args: JsonObject, make: () => World): Promise<void> {
  const undisturbed = make();
  const { count } = await counted(undisturbed, method, args);
  expect(count).toBeGreaterThan(10);
  for (let nth = 1; nth <= count; nth += 1) {
    const at = make();
    const seen = interruptAt(at, nth);
    await at.carry(method, args);
    expect(seen.name, `call ${nth}`).not.toBe('');
    expect(at.endState(), `ended ${seen.name} (call ${nth})`).toEqual(undisturbed.endState());
  }
}

async function counted(at: World, method: string, args: JsonObject): Promise<{ count: number }> {
  const seen = interruptAt(at, -1);
  await at.carry(method, args);
  return seen;
}
