import { CinderError } from '../domain/exceptions.ts';
import type { ImageMeta, ImageTarget, UploadFormat, UploadImage } from './image-service.ts';
import { qemuFormat } from './inspect/inspect-image.ts';

/** The option values by which images are taken or refused; the names are the options'. */
export interface ImageOptions {
  readonly verifyGlanceSignatures: 'enabled' | 'disabled';
  readonly imageConversionDisable: boolean;
  readonly imageConversionCpuLimitMs: number;
  readonly imageConversionAddressSpaceLimitGb: number;
  readonly imageCompressOnUpload: boolean;
  readonly allowCompressionOnImageUpload: boolean;
  readonly vmdkAllowedTypes: readonly string[];
}

const gib = 1024 ** 3;
const signatureKeys = [
  'img_signature',
  'img_signature_hash_method',
  'img_signature_certificate_uuid',
  'img_signature_key_type',
];

/** What can be said of an image before it is downloaded. @throws CinderError */
export function requireFit(image: ImageMeta, target: ImageTarget, options: ImageOptions): void {
  const { id: image_id, status, diskFormat, containerFormat } = image;
  if (status !== 'active') throw unacceptable(image_id, `it is ${status}, not active`);
  if (diskFormat === null || qemuFormat(diskFormat) === null) {
    throw unacceptable(image_id, `its disk_format "${String(diskFormat)}" is not supported`);
  }
  if (containerFormat === 'ovf' && diskFormat === 'vhd')
    throw unacceptable(image_id, 'XenServer images are not supported');
  if (containerFormat === 'compressed' && !options.allowCompressionOnImageUpload) {
    throw unacceptable(image_id, 'it is compressed, which allow_compression_on_image_upload forbids');
  }
  if (isEncrypted(image)) requireEncryptable(image, target);
  requireConversion(image_id, diskFormat, target.format, options);
  // Of an encrypted image the service counts what stands before the data, too.
  requireSize(image, isEncrypted(image) ? 0 : (image.virtualBytes ?? 0), target.sizeGb);
  if (image.minDiskGb > target.sizeGb) {
    throw unacceptable(
      image_id,
      `it needs a disk of ${image.minDiskGb} GiB (min_disk), and the volume has ${target.sizeGb}`,
    );
  }
  if (options.verifyGlanceSignatures === 'enabled') requireUnsigned(image);
}

/** Made of an encrypted volume: its content is LUKS as a whole. */
export function isEncrypted({ properties }: Pick<ImageMeta, 'properties'>): boolean {
  return 'cinder_encryption_key_id' in properties;
}

/** The API has given the volume a copy of the image's key. */
function requireEncryptable({ id, diskFormat, containerFormat }: ImageMeta, target: ImageTarget): void {
  if (!target.isEncrypted) throw unacceptable(id, "it is encrypted, and the volume's type is not");
  if (diskFormat === 'raw' && containerFormat === 'bare') return;
  throw unacceptable(id, `it is encrypted, and ${String(diskFormat)} in ${String(containerFormat)}, not raw in bare`);
}

/** @throws CinderError where the image does not fit into the volume */
export function requireSize({ id }: Pick<ImageMeta, 'id'>, virtualBytes: number, sizeGb: number): void {
  if (virtualBytes <= sizeGb * gib) return;
  const imageGb = Math.ceil(virtualBytes / gib);
  throw unacceptable(id, `its virtual size is ${imageGb} GiB, which does not fit into a volume of ${sizeGb} GiB`);
}

/** How a volume becomes this image. @throws CinderError */
export function uploadFormat(image: UploadImage, options: ImageOptions): UploadFormat {
  const { id: image_id, diskFormat } = image;
  const format = qemuFormat(diskFormat);
  if (format === null) throw unacceptable(image_id, `volumes cannot be uploaded as "${diskFormat}"`);
  // Upstream's RemoteFS drivers upload what they have read as raw.
  requireConversion(image_id, diskFormat, 'raw', options);
  return { format, compress: format === 'qcow2' && options.imageCompressOnUpload };
}

export function unacceptable(image_id: string, reason: string): CinderError {
  return new CinderError('ImageUnacceptable', { image_id, reason }, { outcome: 'not-started' });
}

function requireConversion(image_id: string, diskFormat: string, volumeFormat: string, options: ImageOptions): void {
  if (!options.imageConversionDisable || diskFormat === volumeFormat) return;
  const reason = `image_conversion_disable is set, the image is ${diskFormat} and the volume ${volumeFormat}`;
  throw new CinderError('ImageConversionNotAllowed', { image_id, reason }, { outcome: 'not-started' });
}

/** Verifying needs certificates from a key manager, which this service does not ask yet. Refusing is the safe side. */
function requireUnsigned({ id: image_id, properties }: ImageMeta): void {
  const present = signatureKeys.filter((key) => key in properties);
  if (present.length === 0) return;
  if (present.length < signatureKeys.length) throw new CinderError('InvalidSignatureImage', { image_id });
  const reason = `image ${image_id} is signed, and signatures cannot be verified here; see verify_glance_signatures`;
  throw new CinderError('ImageSignatureVerificationException', { reason });
}
