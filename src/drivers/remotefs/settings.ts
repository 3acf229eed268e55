/** The option values that RemoteFS drivers read; the names are those of `BackendSettings`. */
export interface RemoteFsOptions {
  readonly volumeBackendName: string | null;
  readonly reservedPercentage: number;
  readonly maxOverSubscriptionRatio: string;
  readonly nfsSharesConfig: string;
  readonly nfsMountPointBase: string;
  readonly nfsMountOptions: string | null;
  readonly nfsMountAttempts: number;
  readonly nfsSparsedVolumes: boolean;
  readonly nfsQcow2Volumes: boolean;
  readonly nfsSnapshotSupport: boolean;
  readonly nasHost: string;
  readonly nasSharePath: string;
  readonly nasMountOptions: string | null;
  readonly nasSecureFileOperations: 'auto' | 'true' | 'false';
  readonly nasSecureFilePermissions: 'auto' | 'true' | 'false';
}

/** GiB in bytes. */
export const gib = 1024 ** 3;
