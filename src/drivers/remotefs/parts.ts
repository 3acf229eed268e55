import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../log/logger.ts';
import type { QemuImg } from '../qemu-img.ts';
import type { ShareClient } from '../share/share-client.ts';
import type { AssistedSnapshots } from '../assisted-snapshots.ts';
import type { Mounts } from './mounts.ts';
import type { ShareFolders } from './share-folders.ts';
import type { RemoteFsOptions } from './settings.ts';

/** What the use cases of a RemoteFS driver work with. */
export interface RemoteFsParts {
  readonly share: ShareClient;
  readonly qemu: QemuImg;
  readonly mounts: Mounts;
  readonly folders: ShareFolders;
  readonly options: RemoteFsOptions;
  /** For attached volumes. */
  readonly assisted: AssistedSnapshots;
  readonly clock: Clock;
  readonly log: Logger;
  /** Permission bits of new files: decided once, at the driver's start. */
  fileMode(): number;
  /** Of new volumes. */
  readonly format: 'raw' | 'qcow2';
}
