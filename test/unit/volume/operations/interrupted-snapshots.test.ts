import { creating, failure, testInterrupted, type Fails, type Scenario } from './interrupted.ts';
import { SNAPSHOT, snapshotRow } from './rows.ts';
import type { World } from './world.ts';

function snapshot(status: string, fails: Fails = {}): World {
  const at = creating({}, fails);
  at.db.tables.snapshots[SNAPSHOT] = snapshotRow({ status });
  return at;
}

function managingSnapshot(fails: Fails = {}): World {
  const at = snapshot('creating', fails);
  at.driver.files.set('overlay', '5 GiB');
  at.db.tables.limits = { 'project gigabytes': 40 };
  return at;
}

const ofSnapshot = { snapshot: { id: SNAPSHOT } };
const manageSnapshot = { ...ofSnapshot, ref: 'overlay' };

const scenarios: readonly Scenario[] = [
  ['a snapshot', 'create_snapshot', ofSnapshot, () => snapshot('creating')],
  ['a snapshot that fails', 'create_snapshot', ofSnapshot, () => snapshot('creating', { 'snapshots.create': failure })],
  ['the deletion of a snapshot', 'delete_snapshot', ofSnapshot, () => snapshot('deleting')],
  [
    'the deletion of a snapshot that fails',
    'delete_snapshot',
    ofSnapshot,
    () => snapshot('deleting', { 'snapshots.remove': failure }),
  ],
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
];

testInterrupted(scenarios);
