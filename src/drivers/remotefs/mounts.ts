import type { StepGuard } from '../exec.ts';
import type { AllowedFolders } from '../share/share-paths.ts';
import type { Share } from './shares.ts';

/** Where a RemoteFS driver's shares are on this machine. */
export interface Mounts {
  /** Reads what is configured, anew; nothing is mounted yet. */
  load(): Promise<readonly Share[]>;
  /** As last read. */
  shares(): readonly Share[];
  /** The folder that holds the mount points, without links: hosts that connect are told of it. */
  base(): string;
  /** The share's folder. It is the driver's to ask `ensure` first. */
  folderOf(location: string): string;
  /** Mounts the share unless it is; afterwards its folder is the share and nothing else. */
  ensure(share: Share, guard: StepGuard): Promise<void>;
  /** Folders in which the share helper may work. */
  allowed(): AllowedFolders;
  /** Whether other machines may change the shares behind this kernel's back. */
  readonly remote: boolean;
}
