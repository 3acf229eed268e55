import type { Exec } from '../exec.ts';
import type { DriverOptions } from '../driver-options.ts';
import { QemuImg } from '../qemu-img.ts';
import { shareHelperPath } from '../share/helper-location.ts';
import { ShareClient } from '../share/share-client.ts';
import type { DriverInfo, VolumeDriver } from '../volume-driver.ts';
import type { Mounts } from './mounts.ts';
import { fileModes } from './nas-security.ts';
import { ShareFolders } from './share-folders.ts';
import { RemoteFsDriver } from './remotefs-driver.ts';

/** Puts a RemoteFS driver together; `mounts` is what its kind has of its own. */
export function assembleRemoteFs(
  given: DriverOptions,
  info: DriverInfo,
  makeMounts: (exec: () => Exec) => Mounts,
): VolumeDriver {
  const { name, options, clock, log } = given;
  const mounts = makeMounts(() => share);
  const share: ShareClient = new ShareClient({
    name: `share helper of ${name}`,
    allowed: () => mounts.allowed(),
    entry: given.helperEntry ?? shareHelperPath(),
    clock,
    log,
    ...(given.shareTimeoutMs !== undefined && { callTimeoutMs: given.shareTimeoutMs }),
  });
  // The closed choice, until the share has been asked.
  let fileMode: number = fileModes.secure;
  const format = options.nfsQcow2Volumes ? 'qcow2' : 'raw';
  const folders = new ShareFolders(mounts, share, clock, () => fileMode);
  const parts = {
    share,
    qemu: new QemuImg(share),
    mounts,
    folders,
    options,
    assisted: given.assisted,
    clock,
    log,
    format,
    fileMode: () => fileMode,
  } as const;
  return new RemoteFsDriver(info, name, parts, (decided) => {
    fileMode = decided;
  });
}
