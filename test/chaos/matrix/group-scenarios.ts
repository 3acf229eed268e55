import { randomUUID } from 'node:crypto';
import type { Group } from '../../../src/domain/rows.ts';
import type { Lane } from './lane.ts';
import {
  hasStatus,
  isGone,
  madeVolume,
  ref,
  soonCheck,
  type MadeVolume,
  type Prepared,
  type Scenario,
} from './makings.ts';
import { snapshotRow, volumeRow } from '../rows.ts';

/** Groups of two volumes: what is done to each member, one after the other, under one entry. */
export const groupScenarios: readonly Scenario[] = [
  {
    name: 'create_group',
    prepare: async (lane) => {
      const id = await groupRow(lane, { status: 'creating' });
      return castOf(lane, 'create_group', { group: ref(id) }, () => hasStatus(lane, 'groups', id, 'available'));
    },
  },
  {
    name: 'update_group',
    prepare: async (lane) => {
      const { id, volumes } = await madeGroup(lane);
      const [leaves] = volumes;
      const joins = await madeVolume(lane);
      const args = { group: ref(id), add_volumes: joins.id, remove_volumes: leaves?.id ?? '' };
      const send = async (): Promise<void> => {
        await lane.drive.db.groups.update(id, { status: 'updating' });
        await lane.cast('update_group', args);
      };
      const isDone = async (): Promise<boolean> =>
        (await hasStatus(lane, 'groups', id, 'available')) &&
        (await lane.drive.db.volumes.get(joins.id))?.group_id === id &&
        (await lane.drive.db.volumes.get(leaves?.id ?? ''))?.group_id === null;
      return { send, isDone, check: soonCheck };
    },
  },
  {
    name: 'create_group_snapshot',
    prepare: async (lane) => {
      const { id, volumes } = await madeGroup(lane);
      return groupSnapshot(lane, id, volumes);
    },
  },
  {
    name: 'delete_group_snapshot',
    prepare: async (lane) => {
      const { id, volumes, snapshotId } = await madeGroupSnapshot(lane);
      const send = async (): Promise<void> => {
        for (const one of await lane.drive.db.groupSnapshots.snapshotIds(snapshotId)) {
          await lane.drive.db.snapshots.update(one, { status: 'deleting' });
        }
        await lane.drive.db.groupSnapshots.update(snapshotId, { status: 'deleting' });
        await lane.cast('delete_group_snapshot', { group_snapshot: { ...ref(snapshotId), group_id: id } });
      };
      return { send, isDone: () => isGone(lane, 'groupSnapshots', snapshotId), check: () => dataOf(lane, volumes) };
    },
  },
  {
    name: 'create_group_from_src',
    prepare: async (lane) => {
      const { volumes, snapshotId } = await madeGroupSnapshot(lane);
      const id = await groupRow(lane, { status: 'creating', group_snapshot_id: snapshotId });
      const snapshots = await lane.drive.db.groupSnapshots.snapshotIds(snapshotId);
      const made: MadeVolume[] = [];
      const send = async (): Promise<void> => {
        for (const snapshot_id of snapshots) {
          const source = (await lane.drive.db.snapshots.get(snapshot_id))?.volume_id;
          const content = volumes.find((volume) => volume.id === source)?.content ?? new Map<number, number>();
          made.push({ id: await volumeRow(lane, { group_id: id, snapshot_id }), sizeGb: 1, content });
        }
        await lane.cast('create_group_from_src', { group: ref(id), group_snapshot: ref(snapshotId) });
      };
      return { send, isDone: () => hasStatus(lane, 'groups', id, 'available'), check: () => dataOf(lane, made) };
    },
  },
  {
    name: 'create_group_from_group',
    prepare: async (lane) => {
      const { id: source, volumes } = await madeGroup(lane);
      const id = await groupRow(lane, { status: 'creating', source_group_id: source });
      const made: MadeVolume[] = [];
      const send = async (): Promise<void> => {
        for (const { id: source_volid, content } of volumes) {
          made.push({ id: await volumeRow(lane, { group_id: id, source_volid }), sizeGb: 1, content });
        }
        await lane.cast('create_group_from_src', { group: ref(id), source_group: ref(source) });
      };
      return { send, isDone: () => hasStatus(lane, 'groups', id, 'available'), check: () => dataOf(lane, made) };
    },
  },
  {
    name: 'delete_group',
    prepare: async (lane) => {
      const { id, volumes } = await madeGroup(lane);
      const send = async (): Promise<void> => {
        for (const one of volumes) await lane.drive.db.volumes.update(one.id, { status: 'deleting' });
        await lane.drive.db.groups.update(id, { status: 'deleting' });
        await lane.cast('delete_group', { group: ref(id) });
      };
      return { send, isDone: () => isGone(lane, 'groups', id), check: soonCheck };
    },
  },
];

async function groupRow(lane: Lane, changes: Partial<Group>): Promise<string> {
  const { target, drive } = lane;
  const id = randomUUID();
  const place = { host: target.host, cluster_name: target.clusterName };
  await drive.db.groups.create({ id, project_id: drive.owner.projectId, ...place, ...changes });
  return id;
}

async function madeGroup(lane: Lane): Promise<{ readonly id: string; readonly volumes: readonly MadeVolume[] }> {
  const id = await groupRow(lane, { status: 'available' });
  const volumes = await Promise.all([madeVolume(lane), madeVolume(lane)]);
  for (const volume of volumes) await lane.drive.db.volumes.update(volume.id, { group_id: id });
  return { id, volumes };
}

async function groupSnapshot(
  lane: Lane,
  groupId: string,
  volumes: readonly MadeVolume[],
): Promise<Prepared & { id: string }> {
  const id = randomUUID();
  const snapshots = new Map<string, MadeVolume>();
  const send = async (): Promise<void> => {
    await lane.drive.db.groupSnapshots.create({
      ...{ id, group_id: groupId, status: 'creating', project_id: lane.drive.owner.projectId },
    });
    for (const volume of volumes) snapshots.set(await snapshotRow(lane, volume.id, { group_snapshot_id: id }), volume);
    await lane.cast('create_group_snapshot', { group_snapshot: { ...ref(id), group_id: groupId } });
  };
  const check: Prepared['check'] = async () => {
    const ofSnapshots = await Promise.all(
      [...snapshots].map(([one, volume]) => lane.guest.checkSnapshot(one, volume.id, volume.content)),
    );
    return [...(await dataOf(lane, volumes)), ...ofSnapshots.flat()];
  };
  return { id, send, isDone: () => hasStatus(lane, 'groupSnapshots', id, 'available'), check };
}

async function madeGroupSnapshot(
  lane: Lane,
): Promise<{ readonly id: string; readonly volumes: readonly MadeVolume[]; readonly snapshotId: string }> {
  const { id, volumes } = await madeGroup(lane);
  const making = await groupSnapshot(lane, id, volumes);
  await making.send();
  await lane.until('the group snapshot', () => making.isDone());
  return { id, volumes, snapshotId: making.id };
}

async function dataOf(lane: Lane, volumes: readonly MadeVolume[]) {
  return (await Promise.all(volumes.map(({ id, content }) => lane.guest.checkVolume(id, content)))).flat();
}

function castOf(
  lane: Lane,
  method: string,
  args: Parameters<Lane['cast']>[1],
  isDone: () => Promise<boolean>,
): Prepared {
  return { send: () => lane.cast(method, args), isDone, check: soonCheck };
}
