import { CinderError } from '../../domain/exceptions.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { ImageFacts } from '../share/share-protocol.ts';
import type { SnapshotInfo } from './info-file.ts';
import { imageOf, type Image } from './volume-chain.ts';
import { isMade } from './preconditions.ts';

/** What the volume's `.info` must say, or why that cannot be told from its files. */
export type Derived = { readonly info: SnapshotInfo } | { readonly unclear: string };

/** All of one volume's image files, and its snapshots' rows. */
export interface Remains {
  readonly base: string;
  /** Null: it is not there. */
  readonly baseFile: ImageFacts | null;
  /** Every other file that is called after the volume. */
  readonly overlays: readonly ImageFacts[];
  readonly volume: Volume;
  readonly snapshots: readonly Snapshot[];
}

/**
 * Reads `.info` off the files themselves. That is beyond doubt in one case only: all overlays stand on one another and
 * on the base in one line, and they are called after the volume's snapshots, each after one, none besides. Then each
 * snapshot's data is below the file of its name, and the highest file is the active one.
 */
export function deriveInfo(remains: Remains): Derived {
  try {
    return derive(remains);
  } catch (error) {
    if (error instanceof CinderError) return { unclear: error.message };
    throw error;
  }
}

function derive({ base, baseFile, overlays, volume, snapshots }: Remains): Derived {
  if (baseFile === null) return { unclear: `${base} is missing` };
  const line = lineFrom(
    base,
    overlays.map((facts) => imageOf(facts, base, volume, null)),
  );
  if (line === undefined) return { unclear: 'its files do not stand on one another in one line' };
  const named = line.map(({ name }) => [name.slice(base.length + 1), name] as const);
  const made = snapshots.filter(isMade);
  const stranger = named.find(([id]) => !made.some((row) => row.id === id));
  if (stranger !== undefined) return { unclear: `${stranger[1]} is called after no snapshot that there is` };
  const unmade = made.find(({ id }) => !named.some(([name]) => name === id));
  if (unmade !== undefined) return { unclear: `snapshot ${unmade.id} has no file of its name` };
  return { info: { active: line.at(-1)?.name ?? base, snapshots: new Map(named) } };
}

/** From the lowest to the highest; undefined where two stand on one file, or one stands on none of these. */
function lineFrom(base: string, images: readonly Image[]): readonly Image[] | undefined {
  const above = new Map(images.map((image) => [image.backing, image]));
  const line: Image[] = [];
  for (let next = above.get(base); next !== undefined && !line.includes(next); next = above.get(next.name)) {
    line.push(next);
  }
  return line.length === images.length ? line : undefined;
}
