import { randomUUID } from 'node:crypto';
import type { Difference } from '../../../src/check/verify.ts';
import { queueOf } from '../../../src/cli/drive/target.ts';
import type { RpcCaller } from '../../../src/rpc/notifier.ts';
import { madeImage, type MadeImage } from '../images.ts';
import type { Goal, RowWatcher, WatchedTable } from '../row-watcher.ts';
import type { ImageServer } from '../../support/image-server.ts';
import { charge, volumeRow, type Where } from '../rows.ts';
import type { Guest } from '../guest.ts';

/** One request that can be sent, and what becomes of it where the queue forgets it. */
export interface Sendable {
  readonly what: string;
  readonly table: WatchedTable;
  readonly id: string;
  readonly goal: Goal;
  /** Whether it is done although its message is lost. */
  readonly isTakenUp: boolean;
  send(): Promise<unknown>;
  /** What an operator is told to do where it is not. */
  settle?(): Promise<unknown>;
  /** What is wrong with what it made. */
  check?(): Promise<readonly Difference[]>;
}

interface Hands extends Where {
  readonly rpc: RpcCaller;
  readonly watcher: RowWatcher;
  readonly images: ImageServer;
  readonly guest: Guest;
}

/** Of ten requests; what they are about is made first. */
export async function tenRequests(hands: Hands): Promise<readonly Sendable[]> {
  const [source, kept, doomed] = await Promise.all([madeVolume(hands), madeVolume(hands), madeVolume(hands)]);
  const [first, second, third] = [await madeSnapshot(hands, kept), await madeSnapshot(hands, kept), randomUUID()];
  const { requests } = hands.drive;
  return [
    create(hands, 'clone', { volumeId: source }),
    createFromImage(hands, await madeImage(hands.images)),
    create(hands, 'create from snapshot', { snapshotId: second }),
    create(hands, 'create'),
    { ...snapshotOf('snapshot', third, 'available'), send: () => requests.createSnapshot(source, 'chaos', third) },
    ...[randomUUID(), randomUUID()].map((id) => ({
      ...snapshotOf('snapshot', id, 'available'),
      send: () => requests.createSnapshot(kept, 'chaos', id),
    })),
    { ...snapshotOf('delete snapshot', first, 'gone'), send: () => requests.deleteSnapshot(first) },
    {
      ...{ what: 'delete', table: 'volumes', id: doomed, goal: 'gone', isTakenUp: true },
      send: () => requests.deleteVolume(doomed, { cascade: false }),
    },
    extend(hands, await madeVolume(hands)),
  ];
}

const snapshotOf = (what: string, id: string, goal: Goal) =>
  ({ what, table: 'snapshots', id, goal, isTakenUp: true }) as const;

type Source = { readonly volumeId: string } | { readonly snapshotId: string };

function create({ drive, target, type }: Hands, what: string, from?: Source): Sendable {
  const id = randomUUID();
  const wanted = { id, sizeGb: 1, name: 'chaos', ...(from && { from }) };
  return {
    ...{ what, table: 'volumes', id, goal: 'available', isTakenUp: true },
    send: () => drive.requests.createVolume(wanted, target, type),
  };
}

/** Only the message says which image; an empty one's row looks the same. */
function createFromImage(hands: Hands, image: MadeImage): Sendable {
  const { drive, target, rpc, guest } = hands;
  const id = randomUUID();
  const spec = { volume: { id }, request_spec: { image_id: image.id }, filter_properties: {}, allow_reschedule: false };
  return {
    ...{ what: 'create from image', table: 'volumes', id, goal: 'available', isTakenUp: true },
    send: async () => {
      await volumeRow(hands, { id, status: 'creating' });
      await drive.db.workers.create('Volume', id, 'creating');
      const queue = queueOf({ host: target.host, cluster_name: target.clusterName });
      await rpc.cast(queue, 'create_volume', '3.0', spec, AbortSignal.timeout(60_000));
    },
    check: () => guest.checkVolume(id, image.content),
  };
}

function extend(hands: Hands, id: string): Sendable {
  const { drive, target, rpc } = hands;
  const queue = queueOf({ host: target.host, cluster_name: target.clusterName });
  return {
    ...{ what: 'extend', table: 'volumes', id, goal: 'available', isTakenUp: false },
    send: async () => {
      await drive.db.volumes.update(id, { status: 'extending', previous_status: 'available' });
      await charge(hands, { gigabytes: 1 });
      const args = { volume: { id }, new_size: 2, reservations: [] };
      await rpc.cast(queue, 'extend_volume', '3.0', args, AbortSignal.timeout(60_000));
    },
    settle: async () => {
      await drive.db.volumes.update(id, { status: 'available' });
      await charge(hands, { gigabytes: -1 });
    },
  };
}

async function madeVolume({ drive, target, type, watcher }: Hands): Promise<string> {
  const id = await drive.requests.createVolume({ sizeGb: 1, name: 'chaos' }, target, type);
  await watcher.until('volumes', id, 'available', 60_000);
  return id;
}

async function madeSnapshot({ drive, watcher }: Hands, volumeId: string): Promise<string> {
  const id = await drive.requests.createSnapshot(volumeId, 'chaos');
  await watcher.until('snapshots', id, 'available', 60_000);
  return id;
}
