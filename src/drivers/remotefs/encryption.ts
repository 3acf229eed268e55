import { CinderError } from '../../domain/exceptions.ts';
import type { Volume } from '../../domain/rows.ts';
import type { ImageFormat } from '../qemu-img.ts';
import type { NewImage, OpenImage } from '../qemu-secrets.ts';
import type { DriverWork, Encryption } from '../volume-driver.ts';

/**
 * Encrypted volumes are qcow2 files whose data is LUKS, as upstream's NFS driver makes them, all files of a chain with the
 * volume's passphrase. Upstream makes raw LUKS files of snapshots and images, of which it can take no snapshot; those are
 * read here, and new ones are qcow2 always.
 */

/** What opens a volume's images; undefined: they are not encrypted. */
export async function passphraseOf(volume: Volume, work: DriverWork): Promise<string | undefined> {
  return volume.encryption_key_id === null ? undefined : encryptionOf(volume, work).passphrase(volume);
}

/** The format of new files of a volume. */
export function formatOf({ encryption_key_id: key }: Volume, otherwise: ImageFormat): ImageFormat {
  return key === null ? otherwise : 'qcow2';
}

/** A new image with the volume's encryption, if it has one. */
export async function newImage(volume: Volume, image: NewImage, work: DriverWork): Promise<NewImage> {
  if (volume.encryption_key_id === null) return image;
  const encryption = encryptionOf(volume, work);
  const cipher = await encryption.cipher(volume);
  return { ...image, luks: { cipher, passphrase: await encryption.passphrase(volume) } };
}

/** An image that was just made, to be opened. */
export function reopened({ path, format, luks }: NewImage): OpenImage {
  return luks === undefined ? { path, format } : { path, format, passphrase: luks.passphrase, below: null };
}

function encryptionOf({ id }: Volume, { encryption }: DriverWork): Encryption {
  if (encryption !== undefined) return encryption;
  const message = `Refused: volume ${id} is encrypted, and this request has no way to its key.`;
  throw new CinderError('VolumeDriverException', { message }, { message, outcome: 'not-started' });
}
