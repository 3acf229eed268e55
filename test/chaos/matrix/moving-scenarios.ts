import type { Difference } from '../../../src/check/verify.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import { lastBlock, places, type Content } from '../guest.ts';
import type { Lane } from './lane.ts';
import { hasStatus, madeVolume, ref, type Prepared, type Scenario } from './makings.ts';
import { leavingVolume, there } from '../rows.ts';

const leavingContent: Content = new Map([
  [places.first, 211],
  [lastBlock(1), 212],
]);

/** Volumes that go to another backend, and those that get another type, there or by going. */
export const movingScenarios: readonly Scenario[] = [
  {
    name: 'migrate_volume',
    prepare: async (lane) => {
      const changes = { migration_status: 'starting' };
      const id = await leavingVolume(lane, lane.leavingShare, leavingContent, changes);
      const args = { volume: ref(id), host: here(lane), force_host_copy: false };
      return moving(lane, id, () => lane.cast('migrate_volume', args, there));
    },
  },
  {
    name: 'retype_by_migration',
    prepare: async (lane) => {
      const id = await leavingVolume(lane, lane.leavingShare, leavingContent);
      return moving(lane, id, () => retype(lane, id, there));
    },
  },
  {
    name: 'retype',
    prepare: async (lane) => {
      const { id, content } = await madeVolume(lane);
      return {
        send: () => retype(lane, id, { host: lane.target.host, cluster_name: lane.target.clusterName }),
        isDone: () => hasStatus(lane, 'volumes', id, 'available'),
        check: async () => [
          ...(await lane.guest.checkVolume(id, content)),
          ...(await differsFrom(lane, id, { volume_type_id: lane.otherTypeId })),
        ],
      };
    },
  },
];

function here({ target }: Lane): JsonObject {
  return { host: target.host, cluster_name: target.clusterName, capabilities: {} };
}

async function retype(lane: Lane, id: string, from: Parameters<Lane['cast']>[2]): Promise<void> {
  await lane.drive.db.volumes.update(id, { status: 'retyping', previous_status: 'available' });
  const args = { volume: ref(id), new_type_id: lane.otherTypeId, host: here(lane), migration_policy: 'on-demand' };
  await lane.cast('retype', { ...args, reservations: [], old_reservations: [] }, from);
}

/** It lies on the first backend at the end, under its own name, and on no other; its target's row is gone. */
function moving(lane: Lane, id: string, send: () => Promise<void>): Prepared {
  const place = { provider_location: `demo:${lane.share}`, _name_id: null, cluster_name: lane.target.clusterName };
  return {
    send,
    isDone: async () =>
      (await hasStatus(lane, 'volumes', id, 'available')) &&
      (await lane.drive.db.volumes.get(id))?.migration_status === 'success' &&
      (await lane.drive.volumes()).length === 1,
    check: async () => [...(await lane.guest.checkVolume(id, leavingContent)), ...(await differsFrom(lane, id, place))],
  };
}

async function differsFrom(
  { drive: { db } }: Lane,
  id: string,
  expected: Readonly<Record<string, string | null>>,
): Promise<readonly Difference[]> {
  const row: Readonly<Record<string, unknown>> = { ...(await db.volumes.get(id)) };
  return Object.entries(expected)
    .filter(([column, value]) => row[column] !== value)
    .map(([column, value]) => ({
      kind: 'lost',
      subject: `volume ${id}`,
      problem: `has ${column} ${String(row[column])}, not ${String(value)}`,
    }));
}
