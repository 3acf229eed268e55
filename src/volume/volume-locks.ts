import { lockNames, type LockName } from '../coordination/lock-names.ts';
import type { Backend } from './operation.ts';

/** For whoever changes a volume: nobody deletes it meanwhile, and nobody touches its files. */
export function volumeLocks(id: string, { driver }: Pick<Backend, 'driver'>): readonly LockName[] {
  return [lockNames.deleteVolume(id), ...driver.locksForVolume(id)];
}
