import { randomUUID } from 'node:crypto';
import type { NewVolume } from '../../../src/cli/drive/requests.ts';
import { places, type Content } from '../guest.ts';
import type { Lane } from './lane.ts';
import {
  hasStatus,
  isGone,
  madeSnapshot,
  madeVolume,
  ref,
  soonCheck,
  type Prepared,
  type Scenario,
} from './makings.ts';
import { charge } from '../rows.ts';

/** What the requests about volumes and snapshots do, each in the ways in which its steps differ. */
export const volumeScenarios: readonly Scenario[] = [
  { name: 'create_volume', prepare: (lane) => Promise.resolve(create(lane, {}, new Map())) },
  {
    name: 'create_volume_from_volume',
    prepare: async (lane) => {
      const { id, content } = await madeVolume(lane);
      return create(lane, { from: { volumeId: id } }, content);
    },
  },
  {
    name: 'create_volume_from_snapshot',
    prepare: async (lane) => {
      const { id, before } = await madeSnapshot(lane, await madeVolume(lane));
      return create(lane, { from: { snapshotId: id } }, before);
    },
  },
  {
    name: 'create_snapshot',
    prepare: async (lane) => {
      const { volume } = await madeSnapshot(lane, await madeVolume(lane));
      const id = randomUUID();
      return {
        send: () => lane.drive.requests.createSnapshot(volume.id, 'matrix', id),
        isDone: () => hasStatus(lane, 'snapshots', id, 'available'),
        check: async () => [
          ...(await lane.guest.checkVolume(volume.id, volume.content)),
          ...(await lane.guest.checkSnapshot(id, volume.id, volume.content)),
        ],
      };
    },
  },
  {
    name: 'delete_snapshot',
    prepare: async (lane) => {
      const first = await madeSnapshot(lane, await madeVolume(lane));
      const middle = await madeSnapshot(lane, first.volume);
      const last = await madeSnapshot(lane, middle.volume);
      return deleteSnapshot(lane, middle.id, async () => [
        ...(await lane.guest.checkVolume(last.volume.id, last.volume.content)),
        ...(await lane.guest.checkSnapshot(first.id, last.volume.id, first.before)),
        ...(await lane.guest.checkSnapshot(last.id, last.volume.id, last.before)),
      ]);
    },
  },
  {
    name: 'delete_newest_snapshot',
    prepare: async (lane) => {
      const { id, volume } = await madeSnapshot(lane, await madeVolume(lane));
      return deleteSnapshot(lane, id, () => lane.guest.checkVolume(volume.id, volume.content));
    },
  },
  {
    name: 'delete_volume',
    prepare: async (lane) => remove(lane, (await madeVolume(lane)).id, false),
  },
  {
    name: 'delete_volume_with_snapshots',
    prepare: async (lane) => {
      const first = await madeSnapshot(lane, await madeVolume(lane));
      return remove(lane, (await madeSnapshot(lane, first.volume)).volume.id, true);
    },
  },
  { name: 'extend_volume', prepare: extend },
  { name: 'revert_to_snapshot', prepare: revert },
];

function create(lane: Lane, wanted: Omit<NewVolume, 'name' | 'sizeGb' | 'id'>, content: Content): Prepared {
  const id = randomUUID();
  const request = { ...wanted, id, name: 'matrix', sizeGb: 1 };
  return {
    send: () => lane.drive.requests.createVolume(request, lane.target, lane.type),
    isDone: () => hasStatus(lane, 'volumes', id, 'available'),
    check: () => lane.guest.checkVolume(id, content),
  };
}

function deleteSnapshot(lane: Lane, id: string, check: Prepared['check']): Prepared {
  return {
    send: () => lane.drive.requests.deleteSnapshot(id),
    isDone: () => isGone(lane, 'snapshots', id),
    check,
  };
}

function remove(lane: Lane, id: string, cascade: boolean): Prepared {
  return {
    send: () => lane.drive.requests.deleteVolume(id, { cascade }),
    isDone: () => isGone(lane, 'volumes', id),
    check: soonCheck,
  };
}

async function extend(lane: Lane): Promise<Prepared> {
  const { id, content } = await madeVolume(lane);
  return {
    send: async () => {
      await lane.drive.db.volumes.update(id, { status: 'extending', previous_status: 'available' });
      await charge(lane, { gigabytes: 1 });
      await lane.cast('extend_volume', { volume: ref(id), new_size: 2, reservations: [] });
    },
    isDone: () => hasStatus(lane, 'volumes', id, 'available'),
    check: () => lane.guest.checkVolume(id, content),
  };
}

async function revert(lane: Lane): Promise<Prepared> {
  const { id, before, volume } = await madeSnapshot(lane, await madeVolume(lane));
  return {
    send: async () => {
      await lane.drive.db.volumes.update(volume.id, { status: 'reverting' });
      await lane.drive.db.snapshots.update(id, { status: 'restoring' });
      await lane.cast('revert_to_snapshot', { volume: ref(volume.id), snapshot: ref(id) });
    },
    isDone: async () =>
      (await hasStatus(lane, 'volumes', volume.id, 'available')) && hasStatus(lane, 'snapshots', id, 'available'),
    check: async () => [
      ...(await lane.guest.checkVolume(volume.id, new Map([...before, [places.second, 0]]))),
      ...(await lane.guest.checkSnapshot(id, volume.id, before)),
    ],
  };
}
