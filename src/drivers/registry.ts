import { nearest } from '../config/nearest.ts';
import { InvalidInputError } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { DriverOptions } from './driver-options.ts';
import { createFolderDriver } from './folder/folder-driver.ts';
import { createNfsDriver } from './nfs/nfs-driver.ts';
import { NfsMounts } from './nfs/nfs-mounts.ts';
import { FolderMounts } from './remotefs/folder-mounts.ts';
import type { Mounts } from './remotefs/mounts.ts';
import type { RemoteFsOptions } from './remotefs/settings.ts';
import type { VolumeDriver } from './volume-driver.ts';

interface Factory {
  readonly driver: (given: DriverOptions) => VolumeDriver;
  readonly mounts: (options: RemoteFsOptions, log: Logger) => Mounts;
}

/** Every driver, by the Python class path that operators have in `volume_driver`. */
const factories: Readonly<Record<string, Factory>> = {
  'cinder.volume.drivers.nfs.NfsDriver': {
    driver: createNfsDriver,
    mounts: (options, log) => new NfsMounts(options, log, mountsNothing),
  },
  'cinder_volume_aa.drivers.FolderDriver': {
    driver: createFolderDriver,
    mounts: (options, log) => new FolderMounts(options, log),
  },
};

function mountsNothing(): never {
  throw new Error('whoever only looks at shares mounts none');
}

/** The values of `volume_driver` that are known. */
export const driverClasses: readonly string[] = Object.keys(factories);

/** Makes a backend's driver; nothing is started. @throws InvalidInputError naming the known ones */
export function createDriver(classPath: string, given: DriverOptions): VolumeDriver {
  return factoryOf(classPath).driver(given);
}

/** Where a backend's shares are on this machine, for looking at them; it can mount none. */
export function mountsOf(classPath: string, options: RemoteFsOptions, log: Logger): Mounts {
  return factoryOf(classPath).mounts(options, log);
}

function factoryOf(classPath: string): Factory {
  const factory = Object.hasOwn(factories, classPath) ? factories[classPath] : undefined;
  if (factory !== undefined) return factory;
  const guess = nearest(classPath, driverClasses);
  const hint = guess === undefined ? '' : `; did you mean ${guess}?`;
  throw new InvalidInputError('volume_driver', `"${classPath}" is not one of ${driverClasses.join(', ')}${hint}`);
}
