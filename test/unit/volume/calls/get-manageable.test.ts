import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../../src/domain/json.ts';
import type { ManageableSnapshot } from '../../../../src/drivers/volume-driver.ts';
import { VOLUME } from '../operations/rows.ts';
import { CallWorld } from './call-world.ts';

const entry = (name: string, sizeGb: number | null, more: Partial<ManageableSnapshot> = {}): ManageableSnapshot => ({
  reference: { 'source-name': name },
  sourceReference: { 'source-name': 'v' },
  sizeGb,
  reasonNotSafe: null,
  cinderId: null,
  ...more,
});

const sorted = (key: string, direction: string): JsonObject => ({ sort_keys: [key], sort_dirs: [direction] });
const names = (answer: Json): string =>
  (answer as readonly { readonly reference: JsonObject }[])
    .map(({ reference }) => reference['source-name'])
    .filter((name) => typeof name === 'string')
    .join('');

let at: CallWorld;
beforeEach(async () => {
  at = await CallWorld.start({ tables: {} });
  at.world.driver.manageable = [
    entry('b', 2),
    entry('c', 1, { reasonNotSafe: 'already managed', cinderId: VOLUME }),
    entry('a', 2),
    entry('d', null, { reasonNotSafe: 'it is empty' }),
  ];
});
afterEach(() => at.stop());

describe('what could be taken in', () => {
  const page = { marker: null, limit: 10, offset: 0, ...sorted('reference', 'asc') };

  it('is told with what the API shows of it', async () => {
    const answer = (await at.call('get_manageable_volumes', page)) as readonly Json[];
    expect(answer[2]).toEqual({
      reference: { 'source-name': 'c' },
      size: 1,
      safe_to_manage: false,
      reason_not_safe: 'already managed',
      cinder_id: VOLUME,
      extra_info: null,
    });
    expect(answer[0]).toMatchObject({ safe_to_manage: true, reason_not_safe: null, cinder_id: null });
  });

  it('says of a snapshot whose it is, and comes as objects for who wants them', async () => {
    const answer = (await at.call('get_manageable_snapshots', { ...page, want_objects: true })) as readonly Json[];
    expect(answer).toHaveLength(4);
    expect(answer[0]).toMatchObject({ kind: 'Snapshot', source_reference: { 'source-name': 'v' }, size: 2 });
  });

  it.each<[string, JsonObject, string]>([
    ['by name', page, 'abcd'],
    ['by name, from the last', { ...page, ...sorted('reference', 'desc') }, 'dcba'],
    ['by size, what has none first, equals as they came', { ...page, ...sorted('size', 'asc') }, 'dcba'],
    ['by size and name', { ...page, sort_keys: ['size', 'reference'], sort_dirs: ['desc', 'asc'] }, 'abcd'],
    ['unsorted', { ...page, sort_keys: [], sort_dirs: [] }, 'bcad'],
    ['some of it', { ...page, limit: 2 }, 'ab'],
    ['none of it', { ...page, limit: 0 }, ''],
    ['from an offset', { ...page, offset: 1, limit: 2 }, 'bc'],
    ['after a marker', { ...page, marker: { 'source-name': 'b' }, limit: 1 }, 'c'],
    ['after a marker in JSON, with an offset', { ...page, marker: '{"source-name": "b"}', offset: 1 }, 'd'],
    ['after the last', { ...page, marker: { 'source-name': 'd' } }, ''],
    ['without any wish', {}, 'bcad'],
  ])('comes in pages: %s', async (_what, args, expected) => {
    expect(names(await at.call('get_manageable_volumes', args))).toBe(expected);
  });

  it.each<[string, JsonObject]>([
    ['marker not found', { ...page, marker: { 'source-name': 'x' } }],
    ['no JSON', { ...page, marker: 'b' }],
    ['cannot sort by "id"', { ...page, ...sorted('id', 'asc') }],
  ])('is refused as bad input: %s', async (reason, args) => {
    const refusal = at.call('get_manageable_volumes', args);
    await expect(refusal).rejects.toMatchObject({ exception: 'InvalidInput' });
    await expect(refusal).rejects.toThrow(reason);
  });

  it('is not told by a driver that is not set up', async () => {
    const unready = await CallWorld.start({ tables: {}, ready: false });
    for (const name of ['get_manageable_volumes', 'get_manageable_snapshots']) {
      await expect(unready.call(name, page)).rejects.toMatchObject({ exception: 'DriverNotInitialized' });
    }
    await unready.stop();
  });
});
