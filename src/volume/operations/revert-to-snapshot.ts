import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import type { OutboxMessage } from '../../db/ports/custody.ts';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { VolumeModelUpdate } from '../../drivers/volume-driver.ts';
import { snapshotEvents, volumeEvents } from '../notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { assertLiesOn } from '../ownership.ts';
import type { RowLooks } from '../row-looks.ts';
import { mergeAdminMetadata, moveSnapshot, moveVolume } from '../row-moves.ts';
import { chainLocks } from '../snapshot-removal.ts';
import { ById } from './arguments.ts';

/*
 * revert_to_snapshot: the volume gets back what it held at its latest snapshot. (Upstream's NFS driver has no way of its
 * own, so that upstream copies a temporary volume over this one, and a copy that breaks off leaves neither content.)
 *
 * Locks, all at once: the volume's `delete_volume` (nobody clones it meanwhile), `delete_snapshot` of all its snapshots
 * and its driver locks, because a file of the chain is replaced.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `reverting` and `restoring`, the content since the snapshot there: it begins anew.
 *   1 revert  driver.reversal.revert: one rename decides.
 *   before 2  `reverting` and `restoring`, the content of the snapshot: 1 is done once more, with the same end; nobody
 *             uses the volume.
 *   2 settle  one transaction: volume and snapshot `available`, events.
 *
 * A definite failure: the volume `error`, with all that it held, the snapshot `available`. A snapshot whose status
 * somebody has set meanwhile keeps that one.
 */

const Args = Type.Object({ volume: ById, snapshot: ById });
type Args = Static<typeof Args>;

interface State {
  readonly args: Args;
  readonly volume: Volume;
  readonly snapshot: Snapshot | null;
}

export const revertToSnapshot: Operation<typeof Args, State, VolumeModelUpdate> = {
  name: 'revert_to_snapshot',
  args: Args,
  resource: ({ volume }) => ({ type: 'Volume', id: volume.id }),
  locks: async ({ volume, snapshot }, { backend }, rows) => [
    lockNames.deleteVolume(volume.id),
    lockNames.deleteSnapshot(snapshot.id),
    ...(await chainLocks(volume.id, backend, rows)),
  ],
  load,
  run: revert,
  settle,
};

async function load(args: Args, _ports: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const volume = await rows.volume(args.volume.id);
  if (volume === null) return { nothingToDo: 'the volume is gone' };
  if (volume.status !== 'reverting') return { nothingToDo: `the volume is ${String(volume.status)}` };
  return { args, volume, snapshot: await rows.snapshot(args.snapshot.id) };
}

/** Step 1. */
async function revert(
  { args, volume, snapshot }: State,
  { work }: Scope,
  { backend }: OperationPorts,
): Promise<VolumeModelUpdate> {
  assertLiesOn(backend, volume);
  if (snapshot === null) throw new CinderError('SnapshotNotFound', { snapshot_id: args.snapshot.id });
  if (snapshot.volume_id !== volume.id) {
    throw new CinderError('InvalidSnapshot', { reason: `snapshot ${snapshot.id} is not of volume ${volume.id}` });
  }
  if (!backend.ready()) throw new CinderError('DriverNotInitialized', {});
  const { reversal } = backend.driver;
  if (reversal === undefined) throw new CinderError('NotSupportedOperation', { operation: 'revert to snapshot' });
  return reversal.revert(volume, snapshot, work);
}

/** Step 2. */
async function settle(
  { volume, snapshot }: State,
  result: Result<VolumeModelUpdate>,
  { context, log }: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const told = (when: 'start' | 'end', isDone: boolean) => events(ports, context, when, volume, snapshot, isDone);
  if (!result.ok) log.error({ err: result.error }, 'the volume was not reverted');
  return {
    outcome: result.ok ? 'done' : 'refused',
    detail: result.ok ? null : toCinderError(result.error).message,
    apply: async (db) => {
      await moveVolume(db, volume, result.ok ? 'available' : 'error');
      if (snapshot?.status === 'restoring') await moveSnapshot(db, snapshot, 'available');
      if (result.ok) await mergeAdminMetadata(db, volume.id, result.value);
    },
    outbox: [...(await told('start', false)), ...(await told('end', result.ok))],
  };
}

/** Upstream tells the end of one that failed before it sets the statuses. */
async function events(
  ports: OperationPorts,
  context: Scope['context'],
  when: 'start' | 'end',
  volume: Volume,
  snapshot: Snapshot | null,
  isDone: boolean,
): Promise<readonly OutboxMessage[]> {
  const now = isDone ? { status: 'available' } : {};
  const suffix = `revert.${when}`;
  const ofVolume = [{ suffix, volume: { ...volume, ...now } }];
  const ofSnapshot = snapshot === null ? [] : [{ suffix, snapshot: { ...snapshot, ...now } }];
  return [
    ...(await volumeEvents(ports, context, ports.backend.host, ofVolume)),
    ...(await snapshotEvents(ports, context, volume, ofSnapshot)),
  ];
}
