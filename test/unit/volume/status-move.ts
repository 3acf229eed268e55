import type { Repositories } from '../../../src/db/database.ts';

/** A compare-and-set as real settlements do it. */
export async function moveStatus(db: Repositories, id: string, from: string, to: string): Promise<void> {
  const changed = await db.volumes.update(id, { status: to }, { status: from });
  if (changed !== 1) throw new Error(`volume ${id} is not ${from} any more`);
}
