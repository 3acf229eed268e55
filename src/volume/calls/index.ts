import type { RpcCall } from '../rpc-service.ts';
import { acceptTransfer } from './accept-transfer.ts';
import { attachVolume } from './attach-volume.ts';
import { attachmentDelete } from './attachment-delete.ts';
import { attachmentUpdate } from './attachment-update.ts';
import { detachVolume } from './detach-volume.ts';
import { getManageableSnapshots, getManageableVolumes } from './get-manageable.ts';
import { initializeConnectionSnapshot } from './initialize-connection-snapshot.ts';
import { initializeConnection } from './initialize-connection.ts';
import { migrateVolumeCompletion } from './migrate-volume-completion.ts';
import { removeExportSnapshot } from './remove-export-snapshot.ts';
import { removeExport } from './remove-export.ts';
import { secureFileOperationsEnabled } from './secure-file-operations-enabled.ts';
import { terminateConnectionSnapshot } from './terminate-connection-snapshot.ts';
import { terminateConnection } from './terminate-connection.ts';
import { updateMigratedVolume } from './update-migrated-volume.ts';

/** Every RPC call that this service answers about volumes, in the order of upstream's manager. */
export const calls: readonly RpcCall[] = [
  attachVolume,
  detachVolume,
  initializeConnection,
  initializeConnectionSnapshot,
  terminateConnection,
  terminateConnectionSnapshot,
  removeExport,
  removeExportSnapshot,
  acceptTransfer,
  migrateVolumeCompletion,
  updateMigratedVolume,
  secureFileOperationsEnabled,
  attachmentUpdate,
  attachmentDelete,
  getManageableVolumes,
  getManageableSnapshots,
];
