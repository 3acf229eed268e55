import { describe, expect, test } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { JsonObject } from '../../../../src/domain/json.ts';
import { lostAnswer } from '../../../support/fake-resources.ts';
import { SNAPSHOT, SOURCE, VOLUME, goldType, madeVolume, snapshotRow, volumeRow } from './rows.ts';
import { World, type WorldOptions } from './world.ts';

/*
 * An owner may end, or lose an answer, at every single statement and step. Each operation is run once undisturbed; then
 * once for each of its calls, with that call failing before its effect, and failing after it. A successor carries on
 * from there. What is left in the end must be the same to the last column, message and file.
 */

export type Scenario = readonly [what: string, method: string, args: JsonObject, make: () => World];

/** The driver's steps that fail, each by its name. */
export type Fails = Readonly<Record<string, CinderError>>;

export const failure = new CinderError('NfsException', {});
export const quotas = { 'project volumes': 5, 'project gigabytes': 30, 'project snapshots': 5 };
export const volumeTypes = { [goldType.id]: goldType };

/** Its quotas and types are these, where `options` give no others. */
export function worldOf(options: WorldOptions, fails: Fails = {}): World {
  const at = new World({ ...options, tables: { volumeTypes, quotas, ...options.tables } });
  for (const [step, error] of Object.entries(fails)) at.driver.fails.set(step, error);
  return at;
}

/** A volume that is to be made, and what it may be made from. */
export function creating(row: object, fails: Fails = {}): World {
  const volumes = { [VOLUME]: volumeRow(row), [SOURCE]: madeVolume({ id: SOURCE, bootable: true }) };
  const values = { [`glance ${SOURCE}`]: { image_id: 'i' }, [`glance ${SNAPSHOT}`]: { image_id: 'i' } };
  const tables = { volumes, values, snapshots: { [SNAPSHOT]: snapshotRow() } };
  return worldOf({ files: { [SOURCE]: 'data' }, tables }, fails);
}

export function testInterrupted(scenarios: readonly Scenario[]): void {
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
}

export async function endsTheSame(method: string, args: JsonObject, make: () => World): Promise<void> {
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
