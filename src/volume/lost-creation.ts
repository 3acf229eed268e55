import type { Repositories } from '../db/database.ts';
import type { Snapshot } from '../domain/rows.ts';

/**
 * Whether a snapshot that is `creating` waits to be made. One that is to be taken in waits in the same status, and only
 * the lost request said what it was to be. Whoever asks for a creation makes the workers row first; whoever asks for a
 * taking-in makes none. (For members of a group snapshot nobody makes one, and they are never taken in.)
 */
export async function waitsToBeMade(
  { workers }: Pick<Repositories, 'workers'>,
  { id, group_snapshot_id }: Pick<Snapshot, 'id' | 'group_snapshot_id'>,
): Promise<boolean> {
  return typeof group_snapshot_id === 'string' || (await workers.find('Snapshot', id)) !== null;
}
