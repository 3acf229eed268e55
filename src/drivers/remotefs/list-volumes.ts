import { messageOf } from '../../kernel/errors.ts';
import type { Volume } from '../../domain/rows.ts';
import type { FoundFile } from '../share/share-protocol.ts';
import type { ManageableVolume, Survey } from '../volume-driver.ts';
import { formatProblem, linkProblem, virtualBytes, type Sound } from './found-volume.ts';
import { parseInfoFile } from './info-file.ts';
import { isPart, nameIdOf, nameProblem } from './manage-reference.ts';
import type { RemoteFsParts } from './parts.ts';
import { gib } from './settings.ts';
import { infoFile } from './volume-names.ts';

/** So many files are looked at in one call: the helper must answer within its time. */
const pageSize = 100;

/** What is seen of one share. */
export interface ShareSurvey {
  readonly location: string;
  readonly dir: string;
  /** Of all its files. */
  readonly names: readonly string[];
}

/** What could be a volume, on all shares. */
export async function listVolumes(parts: RemoteFsParts, survey: Survey): Promise<readonly ManageableVolume[]> {
  return onAllShares(parts, survey, (share) => volumesOf(parts, share, survey));
}

/** A share that cannot be looked at now is left out, as upstream's drivers do. */
export async function onAllShares<T>(
  parts: RemoteFsParts,
  survey: Survey,
  look: (share: ShareSurvey) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (const { location } of parts.mounts.shares()) {
    try {
      const dir = await parts.folders.ready(location, survey);
      const names = await parts.share.call('files', { dir, fresh: parts.mounts.remote }, survey);
      found.push(...(await look({ location, dir, names })));
    } catch (error) {
      survey.signal.throwIfAborted();
      survey.log.warn({ share: location, err: error }, 'the share cannot be looked at now');
    }
  }
  return found;
}

/** Runs `look` on some of them at a time. */
export async function inPages<T>(
  names: readonly string[],
  look: (page: readonly string[]) => Promise<Readonly<Record<string, T>>>,
): Promise<ReadonlyMap<string, T>> {
  const seen = new Map<string, T>();
  for (let at = 0; at < names.length; at += pageSize) {
    for (const [name, value] of Object.entries(await look(names.slice(at, at + pageSize)))) seen.set(name, value);
  }
  return seen;
}

/** By every id after which one of their files may be called. */
export async function ownersByNameId(names: readonly string[], survey: Survey): Promise<ReadonlyMap<string, Volume>> {
  const ids = names.flatMap((name) => nameIdOf(name) ?? []);
  const owners = ids.length === 0 ? [] : await survey.ownersOf(ids);
  return new Map(owners.flatMap((row) => [row.id, row._name_id ?? row.id].map((id) => [id, row] as const)));
}

async function volumesOf(
  parts: RemoteFsParts,
  share: ShareSurvey,
  survey: Survey,
): Promise<readonly ManageableVolume[]> {
  const { location, dir, names } = share;
  const chained = new Set(chainedVolumes(names));
  // A volume whose own file was merged away still has its `.info`.
  const candidates = [...new Set([...names.filter((name) => !isPart(name)), ...chained])];
  const owners = await ownersByNameId(candidates, survey);
  const ownerOf = (name: string): Volume | undefined => owners.get(nameIdOf(name) ?? '');
  const unowned = candidates.filter((name) => ownerOf(name) === undefined && nameProblem(name) === null);
  const files = await inPages(unowned, (page) =>
    parts.share.call('examine', { dir, names: page, fresh: false }, survey),
  );
  const assessed = async (name: string): Promise<Assessed> => {
    const owner = ownerOf(name);
    if (owner !== undefined) return { sizeGb: owner.size, reasonNotSafe: 'already managed', cinderId: owner.id };
    const file = files.get(name) ?? null;
    return assess(parts, { dir, name, file, isChain: chained.has(name) }, survey);
  };
  return Promise.all(
    candidates.map(async (name) => ({ reference: referenceTo(location, name), ...(await assessed(name)) })),
  );
}

/** The volumes that have an `.info`. */
export function chainedVolumes(names: readonly string[]): readonly string[] {
  const bases = names.filter((name) => name.endsWith('.info')).map((name) => name.slice(0, -'.info'.length));
  return bases.filter((base) => nameIdOf(base) !== null);
}

export function referenceTo(location: string, name: string): ManageableVolume['reference'] {
  return { 'source-name': `${location.replace(/\/+$/, '')}/${name}` };
}

type Assessed = Omit<ManageableVolume, 'reference'>;

const unsafe = (reasonNotSafe: string): Assessed => ({ sizeGb: null, reasonNotSafe, cinderId: null });

interface Unowned {
  readonly dir: string;
  readonly name: string;
  readonly file: FoundFile | null;
  readonly isChain: boolean;
}

async function assess(parts: RemoteFsParts, found: Unowned, survey: Survey): Promise<Assessed> {
  const { name, file, isChain } = found;
  const badName = nameProblem(name);
  if (badName !== null) return unsafe(badName);
  if (file !== null && file.fault !== null) return unsafe(file.fault);
  if (isChain) return assessChain(parts, found, file, survey);
  if (file === null) return unsafe('it is gone');
  const reasonNotSafe = linkProblem(file) ?? formatProblem(file) ?? useProblem(file);
  return { sizeGb: Math.ceil(virtualBytes(file) / gib), reasonNotSafe, cinderId: null };
}

function useProblem(file: Sound): string | null {
  return file.facts.busy ? 'in use' : null;
}

/** Its size is that of the top of its chain. */
async function assessChain(
  parts: RemoteFsParts,
  { dir, name }: Unowned,
  file: Sound | null,
  survey: Survey,
): Promise<Assessed> {
  try {
    const { [infoFile(name)]: text } = await parts.share.call('read', { dir, names: [infoFile(name)] }, survey);
    const { active } = parseInfoFile(text ?? '', infoFile(name));
    const top = active === name ? null : await parts.share.call('inspect', { dir, name: active, temp: false }, survey);
    const bytes = top?.header?.virtualSize ?? (file === null ? null : virtualBytes(file));
    if (bytes === null) return unsafe(`its file ${active} is missing`);
    const reasonNotSafe = file === null ? null : (linkProblem(file) ?? useProblem(file));
    return { sizeGb: Math.ceil(bytes / gib), reasonNotSafe, cinderId: null };
  } catch (error) {
    survey.signal.throwIfAborted();
    return unsafe(messageOf(error));
  }
}
