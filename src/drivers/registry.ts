import { nearest } from '../config/nearest.ts';
import { InvalidInputError } from '../kernel/errors.ts';
import type { DriverOptions } from './driver-options.ts';
import { createFolderDriver } from './folder/folder-driver.ts';
import { createNfsDriver } from './nfs/nfs-driver.ts';
import type { VolumeDriver } from './volume-driver.ts';

/** Every driver, by the Python class path that operators have in `volume_driver`. */
const factories: Readonly<Record<string, (given: DriverOptions) => VolumeDriver>> = {
  'cinder.volume.drivers.nfs.NfsDriver': createNfsDriver,
  'cinder_volume_aa.drivers.FolderDriver': createFolderDriver,
};

/** The values of `volume_driver` that are known. */
export const driverClasses: readonly string[] = Object.keys(factories);

/** Makes a backend's driver; nothing is started. @throws InvalidInputError naming the known ones */
export function createDriver(classPath: string, given: DriverOptions): VolumeDriver {
  const factory = Object.hasOwn(factories, classPath) ? factories[classPath] : undefined;
  if (factory !== undefined) return factory(given);
  const guess = nearest(classPath, driverClasses);
  const hint = guess === undefined ? '' : `; did you mean ${guess}?`;
  throw new InvalidInputError('volume_driver', `"${classPath}" is not one of ${driverClasses.join(', ')}${hint}`);
}
