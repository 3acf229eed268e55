import type { Snapshot, Volume } from '../domain/rows.ts';
import { volumeNameId } from '../domain/rows.ts';
import type { About } from './remedies.ts';
import { workFolder, type ShareContent } from './share-content.ts';

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** Of a volume's file, its overlay or its `.info`. */
const ofVolume = new RegExp(`^volume-(${uuid})(?:\\.(.+))?$`, 'i');
const unfinished = new RegExp(`^${workFolder.replaceAll('.', '\\.')}/volume-(${uuid})~`, 'i');

/** The rows by which a file's name is told. */
interface Rows {
  readonly volumes: readonly Volume[];
  readonly snapshots: readonly Snapshot[];
}

interface LeftOver {
  readonly kind: 'lost' | 'left over';
  readonly subject: string;
  readonly problem: string;
  readonly about: About;
}

/** Files that no row's chain uses. */
export function leftOver(share: ShareContent, used: ReadonlySet<string>, rows: Rows): readonly LeftOver[] {
  const infos = [...share.infos.keys()].map((name) => `${name}.info`);
  return [...share.images.keys(), ...infos, ...share.others]
    .filter((name) => !used.has(name))
    .map((name) => differenceOf(share, name, rows));
}

function differenceOf(share: ShareContent, name: string, rows: Rows): LeftOver {
  const subject = `${share.folder}/${name}`;
  const about = aboutFile(name, rows);
  const where = { share: share.location, path: subject, name };
  const problem = about.cause === 'torn info' ? 'cannot be read' : 'belongs to no row';
  return { kind: about.cause === 'torn info' ? 'lost' : 'left over', subject, problem, about: { ...where, ...about } };
}

function aboutFile(name: string, { volumes, snapshots }: Rows): About {
  const [, temporary] = unfinished.exec(name) ?? [];
  if (temporary !== undefined) return { cause: 'unfinished file', nameId: temporary };
  const [, nameId, rest] = ofVolume.exec(name) ?? [];
  if (nameId === undefined) return { cause: 'stranger' };
  const volume = volumes.find((row) => volumeNameId(row) === nameId);
  const of = { nameId, ...(volume !== undefined && { volume: volume.id }) };
  if (rest === 'info') return { cause: volume === undefined ? 'info of nobody' : 'torn info', ...of };
  if (volume === undefined || rest === undefined) return { cause: 'file of nobody', ...of };
  const snapshot = snapshots.find(({ id }) => id === rest);
  if (snapshot !== undefined) return { cause: 'overlay of a row', snapshot: snapshot.id, ...of };
  return { cause: 'overlay of nobody', ...of };
}
