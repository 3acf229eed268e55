import type { Repositories } from '../db/database.ts';
import { CinderError } from '../domain/exceptions.ts';

/*
 * Charging a project for what turned out to be there, within its limits. Upstream reserves, works, and commits; here what
 * is charged stands in the row in the same transaction, so a successor sees it and charges nothing twice.
 */

export interface Charge {
  readonly projectId: string;
  /** GiB, of the whole resource. */
  readonly sizeGb: number;
  readonly deltas: Readonly<Record<string, number>>;
}

/** Last in its caller's transaction. @throws CinderError, which is to undo it, where a limit would be passed */
export async function chargeWithinLimits(db: Repositories, { projectId, sizeGb, deltas }: Charge): Promise<void> {
  const grown = Object.keys(deltas).filter((resource) => (deltas[resource] ?? 0) > 0);
  const limits = await db.quotas.limits(projectId, grown);
  await db.quotas.adjust(projectId, deltas);
  if (Object.keys(limits).length === 0) return;
  const usage = await db.quotas.usage(projectId);
  for (const name of grown) {
    const limit = limits[name];
    const { inUse, reserved } = usage[name] ?? { inUse: 0, reserved: 0 };
    if (limit === undefined || inUse + reserved <= limit) continue;
    const consumed = inUse + reserved - (deltas[name] ?? 0);
    throw new CinderError('VolumeSizeExceedsAvailableQuota', { name, requested: sizeGb, consumed, quota: limit });
  }
}

/** @throws CinderError where no volume of the project may be so large */
export async function requireVolumeSize(db: Repositories, projectId: string, size: number): Promise<void> {
  const { per_volume_gigabytes: limit } = await db.quotas.limits(projectId, ['per_volume_gigabytes']);
  if (limit !== undefined && size > limit) throw new CinderError('VolumeSizeExceedsLimit', { size, limit });
}
