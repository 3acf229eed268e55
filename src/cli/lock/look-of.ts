import { randomUUID } from 'node:crypto';
import type { Config } from '../../config/load.ts';
import type { Coordinator } from '../../coordination/coordinator.ts';
import { MemberLook } from '../../coordination/meet-look.ts';
import type { Database } from '../../db/database.ts';
import { BootClock } from '../../native/boot-clock.ts';

/** How long a member's lock is tried for. */
export const tryMs = 1_000;

/** A command's own look at the replicas that the database knows: it is none of them. */
export function lookOf(
  config: Config,
  {
    coordinator,
    db,
    serves,
  }: { readonly coordinator: Coordinator; readonly db: Database; readonly serves: readonly string[] },
): MemberLook {
  const { presumedDeadAfterMs } = config.settings.activeActive;
  const self = { id: randomUUID(), serves };
  const members = (): ReturnType<typeof db.incarnations.list> => db.incarnations.list();
  return new MemberLook({ coordinator, members, self, presumedDeadAfterMs, tryMs, clock: new BootClock() });
}
