/**
 * Nova's part in the snapshots of an attached volume ("assisted volume snapshots"): the hypervisor has the images open,
 * so it must change their chain. Both requests return when Nova has taken them; how they ended it writes into the
 * snapshot's row: `progress` 90% where all went well, else a status of `error` or `error_deleting`.
 *
 * @throws AppError with `outcome: 'unknown'` where Nova may have taken the request all the same
 */
export interface AssistedSnapshots {
  /** The guest shall write to `newFile` from now on, an overlay that has been made. */
  createSnapshot(asked: AssistedCreation, signal: AbortSignal): Promise<void>;
  removeSnapshot(asked: AssistedRemoval, signal: AbortSignal): Promise<void>;
}

export interface AssistedCreation {
  readonly volumeId: string;
  readonly snapshotId: string;
  readonly newFile: string;
}

/** File names without a folder, in the words of Nova's API. */
export interface AssistedRemoval {
  readonly volumeId: string;
  readonly snapshotId: string;
  /** With a target: what is merged into it. Without: what the active image shall stand on afterwards, if anything. */
  readonly fileToMerge: string | null;
  /** Null: all down to `fileToMerge` is pulled into the active image. */
  readonly mergeTarget: string | null;
}
