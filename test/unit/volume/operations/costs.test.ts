import { expect, test } from 'vitest';
import type { JsonObject } from '../../../../src/domain/json.ts';
import { SNAPSHOT, SOURCE, VOLUME, goldType, madeVolume, snapshotRow, volumeRow } from './rows.ts';
import { World } from './world.ts';

/*
 * Every statement of an undisturbed run where notifications are off, besides the door's own (claim, fence, and the
 * names of the locks before they are taken).
 * Whoever adds one sees it here: a replica's rate is bounded by them.
 */

function world(status: 'creating' | 'deleting'): World {
  const volume = status === 'creating' ? volumeRow() : madeVolume({ status });
  return new World({
    notifies: false,
    tables: {
      volumes: { [VOLUME]: volume, [SOURCE]: madeVolume({ id: SOURCE }) },
      snapshots: { [SNAPSHOT]: snapshotRow({ status }) },
      volumeTypes: { [goldType.id]: goldType },
    },
  });
}

const costs: readonly (readonly [method: string, status: 'creating' | 'deleting', args: JsonObject, string[]])[] = [
  [
    'create_volume',
    'creating',
    { volume: { id: VOLUME }, request_spec: {} },
    [
      ...['volumes.get', 'volumes.provisionedByLocation', 'volumes.updateGuarded'],
      ...['volumes.get', 'journal.finish', 'volumes.update', 'volumes.mergeMetadata', 'commit'],
    ],
  ],
  [
    'delete_volume',
    'deleting',
    { volume: { id: VOLUME } },
    [
      ...['volumes.get', 'volumes.metadata', 'volumeTypes.get', 'snapshots.ofVolume'],
      ...['journal.finish', 'volumes.destroy', 'quotas.adjust', 'commit'],
    ],
  ],
  [
    'create_snapshot',
    'creating',
    { snapshot: { id: SNAPSHOT } },
    [
      ...['snapshots.get', 'volumes.get'],
      ...['journal.finish', 'volumes.get', 'snapshots.update', 'volumes.mergeMetadata', 'commit'],
    ],
  ],
  [
    'delete_snapshot',
    'deleting',
    { snapshot: { id: SNAPSHOT } },
    [
      ...['snapshots.get', 'snapshots.ofVolume', 'volumes.get', 'volumeTypes.get'],
      ...['journal.finish', 'snapshots.destroy', 'volumes.mergeMetadata', 'glanceMetadata.remove'],
      ...['quotas.adjust', 'commit'],
    ],
  ],
];

test.each(costs)('%s', async (method, status, args, statements) => {
  const at = world(status);
  const seen: string[] = [];
  at.db.hook = (name, when) => {
    if (when === 'before') seen.push(name);
  };
  await at.carry(method, args);
  expect(seen).toEqual(statements);
});
