import type { ImageCacheEntry, ImageCacheOf, ImageCacheRepository } from '../ports/resources.ts';
import type { Session } from '../session.ts';

const columns = 'id, host, cluster_name, image_id, image_updated_at, volume_id, size, last_used';

/** Upstream deletes these rows for good. */
export class ImageCache implements ImageCacheRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async find(of: ImageCacheOf, imageId: string): Promise<ImageCacheEntry | null> {
    const [column, value] = owner(of);
    const rows = await this.#session.read<ImageCacheEntry>(
      `select ${columns} from image_volume_cache_entries where image_id = ? and ${column} = ?
       order by last_used desc limit 1`,
      [imageId, value],
    );
    return rows[0] ?? null;
  }

  async used(id: number): Promise<void> {
    await this.#session.write(
      `update image_volume_cache_entries set last_used = ${this.#session.dialect.now} where id = ?`,
      [id],
    );
  }

  async list(of: ImageCacheOf): Promise<readonly ImageCacheEntry[]> {
    const [column, value] = owner(of);
    // Locked in one order; what a transaction that held them has changed is seen by the second statement.
    await this.#session.read(`select id from image_volume_cache_entries where ${column} = ? order by id for update`, [
      value,
    ]);
    return this.#session.read<ImageCacheEntry>(
      `select ${columns} from image_volume_cache_entries where ${column} = ? order by last_used desc, id desc`,
      [value],
    );
  }

  async create(entry: Omit<ImageCacheEntry, 'id' | 'last_used'>): Promise<void> {
    const { host, cluster_name, image_id, image_updated_at, volume_id, size } = entry;
    await this.#session.write(
      `insert into image_volume_cache_entries
         (host, cluster_name, image_id, image_updated_at, volume_id, size, last_used)
       values (?, ?, ?, ?, ?, ?, ${this.#session.dialect.now})`,
      [host, cluster_name, image_id, image_updated_at, volume_id, size],
    );
  }

  async removeByVolume(volumeId: string): Promise<number> {
    const { count } = await this.#session.write('delete from image_volume_cache_entries where volume_id = ?', [
      volumeId,
    ]);
    return count;
  }
}

function owner(of: ImageCacheOf): readonly [column: string, value: string] {
  return 'cluster_name' in of ? ['cluster_name', of.cluster_name] : ['host', of.host];
}
