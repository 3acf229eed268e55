import type { DriverOptions } from '../driver-options.ts';
import { assembleRemoteFs } from '../remotefs/assemble.ts';
import { FolderMounts } from '../remotefs/folder-mounts.ts';
import type { DriverInfo, VolumeDriver } from '../volume-driver.ts';

const info: DriverInfo = {
  driverClass: 'cinder_volume_aa.drivers.FolderDriver',
  version: '1.4.0',
  activeActive: true,
  prefix: 'nfs',
  storageProtocol: 'nfs',
  sharedTargets: false,
};

/** The NFS driver without NFS: a plain folder stands for the share. Several services of one machine can use it. */
export function createFolderDriver(given: DriverOptions): VolumeDriver {
  return assembleRemoteFs(given, info, () => new FolderMounts(given.options, given.log));
}
