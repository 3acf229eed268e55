import { CinderError } from '../../domain/exceptions.ts';
import { messageOf } from '../../kernel/errors.ts';
import { CommandError } from '../exec.ts';
import type { OpenImage } from '../qemu-secrets.ts';
import type { DriverWork, ExtendRequest, VolumeModelUpdate } from '../volume-driver.ts';
import type { Capacity } from './capacity.ts';
import { freeLeaks } from './free-leaks.ts';
import type { RemoteFsParts } from './parts.ts';
import { isEligible, type PlacementRules } from './placement.ts';
import { requireKnownSnapshots } from './preconditions.ts';
import { gib } from './settings.ts';
import { wholeChain, type Image } from './volume-chain.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';

/** What the choice of a share goes by as well. */
export interface Room {
  readonly capacity: Capacity;
  readonly rules: PlacementRules;
}

/**
 * Lengthens a detached volume's active image. Older images stay as they are: beyond the end of a backing file an
 * overlay reads zeros, and a later merge lengthens the file below. (Upstream lengthened the base file, which no guest
 * of a volume with snapshots ever sees.)
 *
 * A resize changes the image in place, and only upwards: whoever was interrupted finds it done or not begun, and what a
 * predecessor does late has the effect that it was to have.
 */
export async function extendVolume(
  parts: RemoteFsParts,
  request: ExtendRequest,
  room: Room,
  work: DriverWork,
): Promise<VolumeModelUpdate> {
  const { volume, sizeGb } = request;
  requireExtendable(request);
  const folder = await openFolder(parts, volume, work);
  const chain = await folder.lookIdle();
  await requireKnownSnapshots(chain, volume, work);
  const images = wholeChain(chain);
  const [top] = images;
  await freeLeaks(parts, folder, images);
  const bytes = sizeGb * gib;
  if (top.virtualBytes === bytes) return {};
  if (top.virtualBytes > bytes) throw refuse(`${top.name} has ${top.virtualBytes} bytes already`);
  await requireRoom(request, room, work);
  await grow(parts, folder, await folder.open(images), top, bytes);
  return {};
}

/**
 * A file of the volume's folder gets this virtual size, checked afterwards: also where qemu-img says no, which it may do at
 * its end, when all is done. A volume whose file is larger than its row could be attached no more.
 */
export async function grow(
  parts: RemoteFsParts,
  folder: VolumeFolder,
  open: OpenImage,
  image: Pick<Image, 'name' | 'format'>,
  bytes: number,
): Promise<void> {
  await folder.work.commitPoint('volume-growth');
  const refusal = await folder.whileBusy(() => parts.qemu.resize(open, bytes, folder.work)).then(() => null, refused);
  const now = await folder.inspect(image.name).catch((cause: unknown) => {
    throw doubtful(`${image.name} cannot be looked at after the resize: ${messageOf(cause)}`, cause);
  });
  const rawBytes = now === null ? undefined : now.bytes - (open.format === 'luks' ? (now.luksDataAt ?? 0) : 0);
  const size = image.format === 'raw' ? rawBytes : now?.header?.virtualSize;
  if (size === bytes) return;
  throw refusal ?? doubtful(`${image.name} has ${String(size)} bytes after the resize to ${bytes}`);
}

function refused(error: unknown): CommandError {
  if (error instanceof CommandError && error.outcome === 'failed') return error;
  throw error;
}

function doubtful(reason: string, cause?: unknown): CinderError {
  return new CinderError('ExtendVolumeError', { reason }, { cause, outcome: 'unknown' });
}

function requireExtendable({ volume, sizeGb }: ExtendRequest): void {
  if (volume.attach_status === 'attached') throw refuse(`volume ${volume.id} is attached`);
  if (sizeGb < (volume.size ?? 0)) throw refuse(`volume ${volume.id} has ${volume.size} GiB, more than ${sizeGb}`);
}

/** The share must have room for what is added. One that is not in the list any more takes no new promises. */
async function requireRoom(
  { volume, sizeGb, provisioned }: ExtendRequest,
  room: Room,
  work: DriverWork,
): Promise<void> {
  const more = sizeGb - (volume.size ?? 0);
  const { usable, doubt } = await room.capacity.candidates(provisioned, work);
  const share = usable.find(({ location }) => location === volume.provider_location);
  if (share !== undefined && isEligible(share, more, room.rules)) return;
  if (share === undefined && doubt !== undefined) throw doubt;
  throw refuse(
    `insufficient space on ${String(volume.provider_location)} to extend volume ${volume.id} by ${more} GiB`,
  );
}

function refuse(reason: string): CinderError {
  return new CinderError('ExtendVolumeError', { reason }, { outcome: 'not-started' });
}
