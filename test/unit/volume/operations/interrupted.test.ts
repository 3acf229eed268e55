import { describe, expect, test } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { JsonObject } from '../../../../src/domain/json.ts';
import { lostAnswer } from '../../../support/fake-resources.ts';
import { SHARE, SNAPSHOT, SNAPSHOT_2, SOURCE, VOLUME, goldType, madeVolume, snapshotRow, volumeRow } from './rows.ts';
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

function snapshot(status: string, fails: Readonly<Record<string, CinderError>> = {}): World {
  const at = creating({}, fails);
  at.db.tables.snapshots[SNAPSHOT] = snapshotRow({ status });
  return at;
}

const failure = new CinderError('NfsException', {});
const cascade = { volume: { id: VOLUME }, cascade: true };
const create = { volume: { id: VOLUME }, ...retry };
const ofSnapshot = { snapshot: { id: SNAPSHOT } };

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
  return seen;
}

describe.each(scenarios)('%s', (_what, method, args, make) => {
  test('ends the same, wherever an owner ends', async () => {
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
  });

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

async function counted(at: World, method: string, args: JsonObject): Promise<{ count: number }> {
  const seen = interruptAt(at, -1);
  await at.carry(method, args);
  return seen;
}
