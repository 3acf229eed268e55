import type { Repositories } from '../db/database.ts';
import type { ImageCacheEntry, ImageCacheOf } from '../db/ports/resources.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';

/**
 * One look at the rows: each is read once, however many ask. The names of the locks and what is loaded under them come
 * from one look, so that they fit together, and cost one statement each. It is never kept beyond that.
 */
export class RowLooks {
  readonly #db: Pick<Repositories, 'volumes' | 'snapshots' | 'imageCache'>;
  readonly #seen = new Map<string, Promise<unknown>>();

  constructor(db: Pick<Repositories, 'volumes' | 'snapshots' | 'imageCache'>) {
    this.#db = db;
  }

  volume(id: string): Promise<Volume | null> {
    return this.#once(`volume ${id}`, () => this.#db.volumes.get(id));
  }

  snapshot(id: string): Promise<Snapshot | null> {
    return this.#once(`snapshot ${id}`, () => this.#db.snapshots.get(id));
  }

  snapshotsOf(volumeId: string): Promise<readonly Snapshot[]> {
    return this.#once(`snapshots of ${volumeId}`, () => this.#db.snapshots.ofVolume(volumeId));
  }

  cachedImage(of: ImageCacheOf, imageId: string): Promise<ImageCacheEntry | null> {
    return this.#once(`image ${imageId} of ${JSON.stringify(of)}`, () => this.#db.imageCache.find(of, imageId));
  }

  #once<T>(what: string, read: () => Promise<T>): Promise<T> {
    const seen = this.#seen.get(what) as Promise<T> | undefined;
    if (seen !== undefined) return seen;
    const reading = read();
    this.#seen.set(what, reading);
    return reading;
  }
}
