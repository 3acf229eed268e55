import type { Repositories } from '../db/database.ts';
import { CinderError } from '../domain/exceptions.ts';

/** Groups of this type stand for the old consistency groups, which only drivers that know them can make. */
const CONSISTENCY_GROUP_TYPE = 'default_cgsnapshot_type';

/** Throws where the group's type asks for more than upstream's generic code does; no driver of ours can do it. */
export async function assertGeneric(groupTypeId: string | null, db: Repositories): Promise<void> {
  if (groupTypeId === null || (await db.groups.typeName(groupTypeId)) !== CONSISTENCY_GROUP_TYPE) return;
  throw new CinderError('NotSupportedOperation', { operation: 'consistency group' });
}
