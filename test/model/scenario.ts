import { Type, type Static } from '@sinclair/typebox';
import { lockNames } from '../../src/coordination/lock-names.ts';
import type { Snapshot, Volume } from '../../src/domain/rows.ts';
import { openFolder } from '../../src/drivers/remotefs/volume-folder.ts';
import { createSnapshot } from '../../src/drivers/remotefs/snapshot-create.ts';
import { deleteSnapshot } from '../../src/drivers/remotefs/snapshot-delete.ts';
import type { RemoteFsParts } from '../../src/drivers/remotefs/parts.ts';
import type { Operation, Scope } from '../../src/volume/operation.ts';
import { moveSnapshot, moveVolume } from '../../src/volume/row-moves.ts';

export const backend = 'c@nfs';
export const host = `${backend}#pool`;
const uuid = (last: string): string => `00000000-0000-4000-8000-${last.padStart(12, '0')}`;

export const ids = { volume: uuid('1'), made: uuid('a'), alsoMade: uuid('b'), old: uuid('c') } as const;
export const base = `volume-${ids.volume}`;
export const overlay = (snapshotId: string): string => `${base}.${snapshotId}`;

/** The volume's row where nothing changes it. */
export const volumeRow = {
  ...{ id: ids.volume, _name_id: null, size: 1, status: 'available', attach_status: 'detached', host },
  ...{ provider_location: 'share', cluster_name: null, encryption_key_id: null, migration_status: null },
} as unknown as Volume;

export const rowOf = (id: string, status: string): Snapshot =>
  ({ id, volume_id: ids.volume, status, display_name: null, volume_size: 1 }) as unknown as Snapshot;

/** One message, by its unique id. */
export interface Message {
  readonly id: string;
  /** The id of its journal entry. */
  readonly entry: string;
  readonly method: 'fill' | 'take' | 'drop';
  readonly subject: string;
}

const Args = Type.Object({ id: Type.String() });

/**
 * The requests of the model. Their steps on the share are the driver's own, their way through custody is the door's;
 * only what decides nothing is left out (events, quota).
 */
export function operations(parts: RemoteFsParts): readonly Operation[] {
  const locks = (): Promise<ReturnType<Operation['locks']> extends Promise<infer N> ? N : never> =>
    Promise.resolve([lockNames.driverVolume('nfs', ids.volume)]);
  const settled = (isDone: boolean, detail: string | null) =>
    ({ outcome: isDone ? 'done' : 'refused', detail, outbox: [] }) as const;
  const ofSnapshot = (
    name: 'take' | 'drop',
    expected: string,
    run: (snapshot: Snapshot, scope: Scope) => Promise<unknown>,
  ): Operation => ({
    name,
    args: Args,
    resource: (args) => ({ type: 'Snapshot', id: idOf(args) }),
    locks,
    load: async (args, _ports, rows) => {
      const row = await rows.snapshot(idOf(args));
      return row?.status === expected ? row : { nothingToDo: row?.status ?? 'gone' };
    },
    run: (state, scope) => run(state as Snapshot, scope),
    settle: (state, result) => {
      const snapshot = state as Snapshot;
      const detail = result.ok ? null : result.error.message;
      const apply: Awaited<ReturnType<Operation['settle']>>['apply'] = async (db) => {
        if (!result.ok) await moveSnapshot(db, snapshot, name === 'take' ? 'error' : 'error_deleting');
        else if (name === 'take') await moveSnapshot(db, snapshot, 'available');
        else await db.snapshots.destroy(snapshot.id);
      };
      return Promise.resolve({ ...settled(result.ok, detail), apply });
    },
  });
  const fill: Operation = {
    name: 'fill',
    args: Args,
    resource: (args) => ({ type: 'Volume', id: idOf(args) }),
    locks,
    load: async (args, _ports, rows) => {
      const row = await rows.volume(idOf(args));
      return row?.status === 'creating' ? { ...volumeRow, ...row } : { nothingToDo: row?.status ?? 'gone' };
    },
    run: (state, scope) => fillVolume(parts, state as Volume, scope),
    settle: (state, result) => {
      const apply: Awaited<ReturnType<Operation['settle']>>['apply'] = (db) =>
        moveVolume(db, state as Volume, result.ok ? 'available' : 'error');
      return Promise.resolve({ ...settled(result.ok, result.ok ? null : result.error.message), apply });
    },
  };
  return [
    fill,
    ofSnapshot('take', 'creating', (snapshot, scope) => createSnapshot(parts, snapshot, volumeRow, scope.work)),
    ofSnapshot('drop', 'deleting', (snapshot, scope) => deleteSnapshot(parts, snapshot, volumeRow, scope.work)),
  ];
}

/** As a volume is made from an image: what a volume in `creating` holds may be replaced. */
async function fillVolume(parts: RemoteFsParts, volume: Volume, { work }: Scope): Promise<null> {
  const folder = await openFolder(parts, volume, work);
  await folder.look();
  const temp = folder.temp('image');
  await folder.withTemps(async () => {
    await parts.qemu.createQcow2({ path: temp.path, format: 'qcow2' }, 1, work);
    await folder.commit('volume-file', temp.name, base, { how: 'rename' });
  });
  return null;
}

function idOf(args: unknown): string {
  return (args as Static<typeof Args>).id;
}
