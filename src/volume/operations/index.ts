import type { Operation } from '../operation.ts';
import { copyVolumeToImage } from './copy-volume-to-image.ts';
import { createGroupFromSrc } from './create-group-from-src.ts';
import { createGroupSnapshot } from './create-group-snapshot.ts';
import { createGroup } from './create-group.ts';
import { createSnapshot } from './create-snapshot.ts';
import { createVolume } from './create-volume.ts';
import { deleteGroupSnapshot } from './delete-group-snapshot.ts';
import { deleteGroup } from './delete-group.ts';
import { deleteSnapshot } from './delete-snapshot.ts';
import { deleteVolume } from './delete-volume.ts';
import { extendVolumeCompletion } from './extend-volume-completion.ts';
import { extendVolume } from './extend-volume.ts';
import { failover, failoverHost } from './failover.ts';
import { finishFailover } from './finish-failover.ts';
import { disableReplication, enableReplication, failoverReplication } from './group-replication.ts';
import { getBackupDevice } from './get-backup-device.ts';
import { manageExistingSnapshot } from './manage-existing-snapshot.ts';
import { manageExisting } from './manage-existing.ts';
import { migrateVolumeCompletion } from './migrate-volume-completion.ts';
import { migrateVolume } from './migrate-volume.ts';
import { reimage } from './reimage.ts';
import { retype } from './retype.ts';
import { revertToSnapshot } from './revert-to-snapshot.ts';
import { updateGroup } from './update-group.ts';

/** Every RPC cast that this service carries out, in the order of upstream's manager. */
export const operations: readonly Operation[] = [
  createVolume,
  deleteVolume,
  createSnapshot,
  deleteSnapshot,
  migrateVolumeCompletion,
  migrateVolume,
  retype,
  extendVolume,
  extendVolumeCompletion,
  revertToSnapshot,
  createGroup,
  createGroupFromSrc,
  deleteGroup,
  updateGroup,
  createGroupSnapshot,
  deleteGroupSnapshot,
  failover,
  failoverHost,
  finishFailover,
  enableReplication,
  disableReplication,
  failoverReplication,
  copyVolumeToImage,
  getBackupDevice,
  manageExisting,
  manageExistingSnapshot,
  reimage,
];
