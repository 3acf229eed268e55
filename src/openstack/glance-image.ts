import { isJsonObject } from '../domain/json.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { ImageMeta } from '../images/image-service.ts';
import { OpenStackError } from './openstack-error.ts';

/** The keys of an image that Glance itself gives a meaning to (its schema's base properties); others are its owner's. */
const baseKeys = new Set([
  ...['id', 'name', 'status', 'visibility', 'protected', 'os_hidden', 'checksum', 'os_hash_algo', 'os_hash_value'],
  ...['owner', 'size', 'virtual_size', 'container_format', 'disk_format', 'created_at', 'updated_at', 'tags'],
  ...['direct_url', 'locations', 'min_ram', 'min_disk', 'self', 'file', 'schema', 'stores'],
]);

/** An image as `GET /v2/images/{id}` answers it. @throws OpenStackError where it is none */
export function parseImage(text: string): ImageMeta {
  const image = parseObject(text);
  const { id, status, updated_at: updatedAt, os_hash_algo: algorithm, os_hash_value: value } = image;
  if (typeof id !== 'string' || typeof status !== 'string') throw new OpenStackError("Glance's answer is no image");
  return {
    id,
    status,
    name: textOf(image['name']),
    owner: textOf(image['owner']),
    diskFormat: textOf(image['disk_format']),
    containerFormat: textOf(image['container_format']),
    sizeBytes: number(image['size']),
    virtualBytes: number(image['virtual_size']),
    minDiskGb: number(image['min_disk']) ?? 0,
    minRamMb: number(image['min_ram']) ?? 0,
    updatedAt: typeof updatedAt === 'string' ? updatedAt : '',
    md5: textOf(image['checksum']),
    hash: typeof algorithm === 'string' && typeof value === 'string' ? { algorithm, value } : null,
    properties: Object.fromEntries(
      Object.entries(image).flatMap(([key, found]) =>
        baseKeys.has(key) || found === null ? [] : [[key, typeof found === 'string' ? found : JSON.stringify(found)]],
      ),
    ),
  };
}

function parseObject(text: string): JsonObject {
  try {
    const parsed = JSON.parse(text) as Json;
    if (isJsonObject(parsed)) return parsed;
  } catch {
    // The same as any other text that is no image.
  }
  throw new OpenStackError("Glance's answer is no JSON object");
}

function textOf(value: Json | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function number(value: Json | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}
