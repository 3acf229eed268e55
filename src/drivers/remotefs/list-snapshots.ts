import { messageOf } from '../../kernel/errors.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { ManageableSnapshot, Survey } from '../volume-driver.ts';
import { parseInfoFile } from './info-file.ts';
import { chainedVolumes, inPages, onAllShares, ownersByNameId, referenceTo, type ShareSurvey } from './list-volumes.ts';
import { nameIdOf } from './manage-reference.ts';
import type { RemoteFsParts } from './parts.ts';
import { gib } from './settings.ts';
import { backingName, infoFile } from './volume-names.ts';

/** One snapshot as an `.info` has it. */
interface Entry {
  readonly id: string;
  readonly overlay: string;
  /** The volume's own file. */
  readonly base: string;
}

/** The snapshots in the chains on all shares. */
export async function listSnapshots(parts: RemoteFsParts, survey: Survey): Promise<readonly ManageableSnapshot[]> {
  return onAllShares(parts, survey, (share) => snapshotsOf(parts, share, survey));
}

async function snapshotsOf(
  parts: RemoteFsParts,
  share: ShareSurvey,
  survey: Survey,
): Promise<readonly ManageableSnapshot[]> {
  const bases = chainedVolumes(share.names);
  const entries = await entriesOf(parts, share.dir, bases, survey);
  const ids = entries.map(({ id }) => id);
  const rows = new Map(ids.length === 0 ? [] : (await survey.snapshotsWith(ids)).map((row) => [row.id, row] as const));
  const owners = await ownersByNameId(bases, survey);
  const tell = (entry: Entry): Promise<ManageableSnapshot> =>
    told(parts, share, { ...entry, row: rows.get(entry.id), owner: owners.get(nameIdOf(entry.base) ?? '') }, survey);
  return Promise.all(entries.map(tell));
}

/** An `.info` that somebody is just writing in place is left out. */
async function entriesOf(
  parts: RemoteFsParts,
  dir: string,
  bases: readonly string[],
  survey: Survey,
): Promise<readonly Entry[]> {
  const texts = await inPages(bases.map(infoFile), (names) => parts.share.call('read', { dir, names }, survey));
  return bases.flatMap((base) => {
    try {
      const text = texts.get(infoFile(base)) ?? null;
      const snapshots = text === null ? [] : [...parseInfoFile(text, infoFile(base)).snapshots];
      return snapshots.map(([id, overlay]) => ({ id, overlay, base }));
    } catch (error) {
      survey.log.warn({ file: infoFile(base) }, messageOf(error));
      return [];
    }
  });
}

async function told(
  parts: RemoteFsParts,
  { location, dir }: ShareSurvey,
  { overlay, base, row, owner }: Entry & { readonly row: Snapshot | undefined; readonly owner: Volume | undefined },
  survey: Survey,
): Promise<ManageableSnapshot> {
  const named = { reference: referenceTo(location, overlay), sourceReference: referenceTo(location, base) };
  if (row !== undefined) {
    return { ...named, sizeGb: row.volume_size, reasonNotSafe: 'already managed', cinderId: row.id };
  }
  const sizeGb = await sizeOf(parts, { dir, overlay, base }, survey);
  const missing = sizeGb === null ? 'it has no data in its volume' : null;
  const reasonNotSafe = owner === undefined ? 'its volume is not managed' : missing;
  return { ...named, sizeGb, reasonNotSafe, cinderId: null };
}

/** GiB of the file that holds its data: the one below its overlay. */
async function sizeOf(
  parts: RemoteFsParts,
  { dir, overlay, base }: { readonly dir: string; readonly overlay: string; readonly base: string },
  survey: Survey,
): Promise<number | null> {
  const inspect = (name: string): ReturnType<typeof parts.share.call<'inspect'>> =>
    parts.share.call('inspect', { dir, name, temp: false }, survey);
  if (backingName(overlay, base) !== overlay) return null;
  const header = (await inspect(overlay))?.header ?? null;
  const below = header?.backingFile === null ? undefined : backingName(header?.backingFile ?? '/', base);
  const data = below === undefined ? null : await inspect(below);
  if (data === null) return null;
  const bytes = header?.backingFormat === 'raw' ? data.bytes : (data.header?.virtualSize ?? data.bytes);
  return Math.ceil(bytes / gib);
}
