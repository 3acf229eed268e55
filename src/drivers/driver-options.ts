import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../log/logger.ts';
import type { AssistedSnapshots } from './assisted-snapshots.ts';
import type { RemoteFsOptions } from './remotefs/settings.ts';

/** What every driver is made of. */
export interface DriverOptions {
  /** The backend's name: its section in cinder.conf. */
  readonly name: string;
  /** The backend's option values; `BackendSettings` fits. */
  readonly options: RemoteFsOptions;
  /** `state_path`. */
  readonly stateDir: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** `[cinder_volume_aa] share_timeout`. */
  readonly shareTimeoutMs?: number;
  readonly assisted: AssistedSnapshots;
  /** The share helper's file; found by itself otherwise. */
  readonly helperEntry?: string;
}
