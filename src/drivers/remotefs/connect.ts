import { CinderError } from '../../domain/exceptions.ts';
import type { Volume } from '../../domain/rows.ts';
import type { ConnectionAbility, ConnectionInfo, DriverWork, VolumeModelUpdate } from '../volume-driver.ts';
import type { RemoteFsParts } from './parts.ts';
import { requireKnownSnapshots } from './preconditions.ts';
import { gib } from './settings.ts';
import { wholeChain, type VolumeChain } from './volume-chain.ts';
import { openFolder } from './volume-folder.ts';

/**
 * A host mounts the whole share by itself: it is told which, and which file the volume is. Nothing is exported, so
 * there is nothing to take back.
 *
 * @param type os-brick's name for this kind of share
 */
export function connectionAbility(parts: RemoteFsParts, type: string): ConnectionAbility {
  return {
    connect: (volume, _connector, work) => connect(parts, type, volume, work),
    disconnect: () => Promise.resolve(false),
  };
}

/**
 * Under the lock, the active image is the one that a snapshot has not just replaced. Its format is what the chain says,
 * never what the content looks like: a guest writes that.
 */
async function connect(
  parts: RemoteFsParts,
  type: string,
  volume: Volume,
  work: DriverWork,
): Promise<{ info: ConnectionInfo; update: VolumeModelUpdate }> {
  const folder = await openFolder(parts, volume, work);
  const chain = await folder.look();
  const [top] = wholeChain(chain);
  await requireKnownSnapshots(chain, volume, work);
  if (Math.ceil(top.virtualBytes / gib) > (volume.size ?? 0)) throw tooLarge(volume, top.virtualBytes);
  const share = parts.mounts.shares().find(({ location }) => location === volume.provider_location);
  const data = {
    export: volume.provider_location,
    name: top.name,
    ...(share !== undefined && { options: share.options }),
    format: top.format,
  };
  const info = { driver_volume_type: type, data, mount_point_base: parts.mounts.base() };
  return { info, update: await formatToKeep(chain, volume, work) };
}

/** Before a guest first writes, the format of a volume that nobody has noted is still to be believed. */
async function formatToKeep(chain: VolumeChain, volume: Volume, work: DriverWork): Promise<VolumeModelUpdate> {
  const [only, ...more] = chain.images;
  const known = await work.adminMetadataOf?.(volume.id);
  if (only === undefined || more.length > 0 || typeof known?.['format'] === 'string') return {};
  return { adminMetadata: { format: only.format } };
}

function tooLarge(volume: Volume, bytes: number): CinderError {
  const reason = `its image shows ${bytes} bytes, more than its ${volume.size} GiB: somebody may have changed it`;
  return new CinderError('InvalidVolume', { reason }, { outcome: 'not-started' });
}
