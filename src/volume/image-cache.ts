import { createHash } from 'node:crypto';
import type { Repositories } from '../db/database.ts';
import { now } from '../db/ports/resources.ts';
import type { ImageCacheEntry, ImageCacheOf } from '../db/ports/resources.ts';
import { elevated } from '../domain/context.ts';
import type { Timestamp, Volume } from '../domain/rows.ts';
import type { ImageMeta } from '../images/image-service.ts';
import { LOST_REQUESTS, lostEntry } from './lost-requests.ts';
import type { Backend, ImageCacheSettings, OperationPorts, Scope } from './operation.ts';
import type { OutboxMessage } from '../db/ports/custody.ts';
import type { RowLooks } from './row-looks.ts';
import { typeNameOf } from './row-moves.ts';

/*
 * The image volume cache: the first volume that is made from an image leaves a second one behind, which belongs to
 * Cinder's internal tenant and from which the next ones are cloned. Upstream's table, upstream's rules.
 *
 * - Who finds no entry holds the lock of the image (upstream's) until its own is settled: it is made once, however many
 *   ask. Who finds one takes the locks of its volume instead.
 * - The kept volume's id follows from the first one's, so that its lock can be named before anything is made, and a
 *   successor finds the same file.
 * - Row, entry, quota and what must go to make room are written with the settlement: there is no kept volume without
 *   its entry.
 */

/** An image that is kept as a volume. */
export interface KeptImage {
  readonly entry: ImageCacheEntry;
  readonly volume: Volume;
}

/** A volume to be kept: its file is complete, its row is not written yet. */
export interface NewKeptImage {
  readonly image: ImageMeta;
  readonly row: Volume;
}

/** An entry of the journal that any replica takes up at its next look. */
const nobody = 'nobody';

/** Whether this volume may use the cache: it is cloned from, and encrypted volumes have keys of their own. */
export function mayUseCache({ imageCache, backend }: OperationPorts, volume: Volume): boolean {
  return imageCache !== null && backend.driver.clone !== undefined && volume.encryption_key_id === null;
}

/** The kept volume of an image; null where there is none that could be cloned. */
export async function keptImage(volume: Volume, imageId: string, rows: RowLooks): Promise<KeptImage | null> {
  const entry = await rows.cachedImage(cacheOf(volume), imageId);
  const kept = entry === null ? null : await rows.volume(entry.volume_id);
  return entry === null || kept?.status !== 'available' ? null : { entry, volume: kept };
}

/** Whose entries the volume's are. */
function cacheOf({ cluster_name, host }: Volume): ImageCacheOf {
  return cluster_name === null ? { host: host ?? '' } : { cluster_name };
}

/** A uuid that follows from the volume and its image. */
export function keptVolumeId(volumeId: string, imageId: string): string {
  const hex = createHash('sha256').update(`image volume\n${volumeId}\n${imageId}`).digest('hex');
  const variant = ((parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

/** Whether the image has changed since it was kept. */
export function isOutdated({ image_updated_at: kept }: ImageCacheEntry, { updatedAt }: ImageMeta): boolean {
  return withoutZeros(kept ?? '') !== withoutZeros(asTimestamp(updatedAt));
}

/** The row of the volume that is to be kept: upstream's copy of the first one's, without what is that one's alone. */
export function keptRow(volume: Volume, image: ImageMeta, sizeGb: number, { tenant }: ImageCacheSettings): Volume {
  return {
    ...volume,
    id: keptVolumeId(volume.id, image.id),
    _name_id: null,
    size: sizeGb,
    status: 'creating',
    attach_status: 'detached',
    migration_status: null,
    snapshot_id: null,
    source_volid: volume.id,
    project_id: tenant.projectId,
    user_id: tenant.userId,
    display_name: `image-${image.id}`,
    group_id: null,
    consistencygroup_id: null,
    bootable: false,
    use_quota: true,
    provider_location: null,
  };
}

/** Writes the kept volume's row and entry, and lets others go to make room; inside the settlement's transaction. */
export async function settleKept(
  db: Repositories,
  kept: NewKeptImage,
  scope: Scope,
  ports: OperationPorts,
): Promise<void> {
  const { image, row } = kept;
  const cache = ports.imageCache;
  if (cache === null) return;
  const all = await db.imageCache.list(cacheOf(row));
  const others = all.filter((entry) => entry.image_id !== image.id);
  const stay = fitting(others, row.size ?? 0, cache);
  for (const entry of all.filter((one) => !stay.includes(one))) await letGo(db, entry, scope, ports);
  await createKept(db, row, ports.backend);
  const { id: volume_id, size, host, cluster_name } = row;
  await db.imageCache.create({
    host: host ?? ports.backend.host,
    cluster_name,
    image_id: image.id,
    image_updated_at: asTimestamp(image.updatedAt),
    volume_id,
    size: size ?? 0,
  });
  await charge(db, row);
}

/** An entry that is outdated: it goes, and with it its volume. */
export async function letGo(
  db: Repositories,
  entry: ImageCacheEntry,
  scope: Scope,
  ports: OperationPorts,
): Promise<void> {
  if ((await db.imageCache.removeByVolume(entry.volume_id)) === 0) return;
  await db.outbox.add(cacheEvent('evict', entry.image_id, entry.host, scope, ports), scope.owner);
  const row = await db.volumes.get(entry.volume_id);
  const expected = { status: 'available', attach_status: 'detached' } as const;
  // Whatever else somebody does with it: it is a volume like any other now.
  if (row === null || (await db.volumes.update(row.id, { status: 'deleting' }, expected)) === 0) return;
  const order = LOST_REQUESTS.find(({ method }) => method === 'delete_volume');
  if (order === undefined) return;
  const lost = {
    backend: ports.backend.workOf,
    row,
    context: scope.wire.context,
    origin: 'reconcile',
    seen: 'evicted',
  } as const;
  await db.journal.receive([lostEntry(order, { ...lost, isWhole: true })], nobody);
}

/** What upstream tells of its cache. */
export function cacheEvent(
  what: 'hit' | 'miss' | 'evict',
  image_id: string,
  host: string | null,
  { context }: Scope,
  { messages, backend }: OperationPorts,
): readonly OutboxMessage[] {
  if (!messages.enabled) return [];
  const publisher = `volume.${backend.host}`;
  return messages.notification(elevated(context), publisher, `image_volume_cache.${what}`, { image_id, host });
}

/** Those of the entries, most recently used first, that may stay beside a new one. */
function fitting(
  entries: readonly ImageCacheEntry[],
  sizeGb: number,
  limits: ImageCacheSettings,
): readonly ImageCacheEntry[] {
  const { maxSizeGb, maxCount } = limits;
  const stay = [...entries];
  const size = (): number => stay.reduce((sum, entry) => sum + entry.size, sizeGb);
  while (stay.length > 0 && ((maxSizeGb > 0 && size() > maxSizeGb) || (maxCount > 0 && stay.length + 1 > maxCount))) {
    stay.pop();
  }
  return stay;
}

async function createKept(db: Repositories, row: Volume, backend: Backend): Promise<void> {
  const { created_at: _created, updated_at: _updated, launched_at: _launched, ...columns } = row;
  await db.volumes.create({
    ...columns,
    status: 'creating',
    shared_targets: backend.driver.info.sharedTargets,
    service_uuid: backend.service.uuid,
  });
  await db.volumes.update(row.id, { status: 'available', launched_at: now });
  const format = backend.driver.image?.format;
  await db.volumes.mergeMetadata(row.id, 'admin_metadata', {
    readonly: 'True',
    ...(format !== undefined && { format }),
  });
}

/** The internal tenant pays for what is kept. Limits are not looked at: the cache has limits of its own. */
async function charge(db: Repositories, row: Volume): Promise<void> {
  if (row.project_id === null) return;
  const type = await typeNameOf(db, row);
  const deltas = { volumes: 1, gigabytes: row.size ?? 0 };
  const ofType = type === null ? {} : { [`volumes_${type}`]: 1, [`gigabytes_${type}`]: row.size ?? 0 };
  await db.quotas.adjust(row.project_id, { ...deltas, ...ofType });
}

/** The image service's ISO time as a database has it. */
function asTimestamp(iso: string): Timestamp {
  return iso.replace('T', ' ').replace(/(Z|\+00:00)$/, '');
}

function withoutZeros(timestamp: string): string {
  return timestamp.replace(/\.0+$/, '');
}
