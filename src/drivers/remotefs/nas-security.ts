import { CinderError } from '../../domain/exceptions.ts';
import type { RemoteFsOptions } from './settings.ts';

/** Upstream's mark on a share: whoever finds it handles files as the service user, for ever. */
export const secureIndicator = '.cinderSecureEnvIndicator';

/** Permission bits of new files, by nas_secure_file_permissions. */
export const fileModes = { secure: 0o660, open: 0o666 } as const;

export interface NasSecurity {
  /** Files are for owner and group only. */
  readonly permissions: boolean;
  /** Files are handled as the service user. */
  readonly operations: boolean;
}

/**
 * `auto` is what the mark on the share says: the only thing that every member, whenever it starts, sees alike. (Where
 * upstream also asks whether any volume exists yet, members that start about the first volume disagree.)
 */
export function decideNasSecurity(options: RemoteFsOptions, marked: boolean): NasSecurity {
  const decide = (value: 'auto' | 'true' | 'false'): boolean => (value === 'auto' ? marked : value === 'true');
  return {
    permissions: decide(options.nasSecureFilePermissions),
    operations: decide(options.nasSecureFileOperations),
  };
}

/** Upstream refuses the same combination: an instance's snapshots must be readable to Nova's user. */
export function requireSnapshotsAllowed(security: NasSecurity, options: RemoteFsOptions): void {
  if (!security.operations || !options.nfsSnapshotSupport) return;
  const message = 'nfs_snapshot_support needs nas_secure_file_operations = false.';
  throw new CinderError('VolumeDriverException', { message }, { message, outcome: 'not-started' });
}
