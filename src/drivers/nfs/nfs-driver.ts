import type { DriverOptions } from '../driver-options.ts';
import { assembleRemoteFs } from '../remotefs/assemble.ts';
import type { DriverInfo, VolumeDriver } from '../volume-driver.ts';
import { NfsMounts } from './nfs-mounts.ts';

const info: DriverInfo = {
  driverClass: 'cinder.volume.drivers.nfs.NfsDriver',
  version: '1.4.0',
  activeActive: true,
  prefix: 'nfs',
  storageProtocol: 'nfs',
  sharedTargets: false,
};

/** Upstream's generic NFS driver, for several services at once. */
export function createNfsDriver(given: DriverOptions): VolumeDriver {
  return assembleRemoteFs(given, info, (exec) => new NfsMounts(given.options, given.log, exec));
}
