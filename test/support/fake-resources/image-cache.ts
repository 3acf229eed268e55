import type { ImageCacheEntry, ImageCacheOf, ResourceRepositories } from '../../../src/db/ports/resources.ts';
import { answer, type Faked } from './rows.ts';
import { CLOCK, type Tables } from './tables.ts';

export function imageCache(tables: Tables): Faked<ResourceRepositories>['imageCache'] {
  const isOf = (row: ImageCacheEntry, of: ImageCacheOf): boolean =>
    'host' in of ? row.host === of.host : row.cluster_name === of.cluster_name;
  const all = (of: ImageCacheOf): ImageCacheEntry[] =>
    tables.imageCache.filter((row) => isOf(row, of)).toSorted((a, b) => (a.last_used < b.last_used ? 1 : -1));
  return {
    find: (of, imageId) => answer(() => all(of).find((row) => row.image_id === imageId) ?? null),
    used: (id) =>
      answer(() => {
        tables.imageCache = tables.imageCache.map((row) => (row.id === id ? { ...row, last_used: CLOCK } : row));
      }),
    list: (of) => answer(() => all(of)),
    create: (entry) =>
      answer(() => void tables.imageCache.push({ ...entry, id: tables.imageCache.length + 100, last_used: CLOCK })),
    removeByVolume: (volumeId) =>
      answer(() => {
        const before = tables.imageCache.length;
        tables.imageCache = tables.imageCache.filter((row) => row.volume_id !== volumeId);
        return before - tables.imageCache.length;
      }),
  };
}
