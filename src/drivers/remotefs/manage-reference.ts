import { CinderError } from '../../domain/exceptions.ts';
import { isJsonObject, type Json } from '../../domain/json.ts';

/*
 * How operators name what they want to be taken in: `{"source-name": NAME}` or `{"source-id": UUID}`, as for upstream's
 * drivers. A name alone is looked for on every share; `SHARE/NAME`, with the share as it is configured, is on that one.
 * Names are those of files in the share's own folder, never paths, so that none can lead anywhere else.
 */

export interface FileReference {
  /** As the operator wrote it; null: any. */
  readonly location: string | null;
  readonly name: string;
}

const uuidPattern = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const uuidText = new RegExp(`^${uuidPattern}$`, 'i');
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,250}$/;
const volumeFileName = new RegExp(`^volume-(${uuidPattern})$`, 'i');
const snapshotName = new RegExp(`^_?snapshot-(${uuidPattern})$`, 'i');
const overlayName = new RegExp(`^volume-${uuidPattern}[.](${uuidPattern})$`, 'i');
const partName = new RegExp(`^volume-${uuidPattern}[.~]`, 'i');

/** @throws CinderError `ManageExistingInvalidReference` */
export function parseReference(reference: Json): FileReference {
  const read = readReference(reference);
  if ('problem' in read) throw invalidReference(reference, read.problem);
  return read;
}

/** What is wrong with it, or what it names. */
export function readReference(reference: Json): FileReference | { readonly problem: string } {
  const { name, id } = given(reference);
  if (name !== null) return readName(name);
  if (id === null) return { problem: 'give "source-name" (a file) or "source-id" (a UUID)' };
  return uuidText.test(id) ? { location: null, name: `volume-${id}` } : { problem: '"source-id" is no UUID' };
}

/** A text stands for a name, as for upstream's drivers. */
function given(reference: Json): { readonly name: string | null; readonly id: string | null } {
  const text = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);
  if (!isJsonObject(reference)) return { name: text(reference), id: null };
  return { name: text(reference['source-name']), id: text(reference['source-id']) };
}

function readName(text: string): FileReference | { readonly problem: string } {
  const slash = text.lastIndexOf('/');
  const name = text.slice(slash + 1);
  const problem = nameProblem(name);
  if (problem !== null) return { problem };
  return { location: slash === -1 ? null : text.slice(0, slash), name };
}

export interface SnapshotReference {
  readonly location: string | null;
  /** Of its overlay, as the listing says it; null where only an id was given. */
  readonly file: string | null;
  /** That it had. */
  readonly id: string | null;
}

/**
 * A snapshot's: its overlay's file name, or `snapshot-UUID` and `_snapshot-UUID`, as upstream's drivers call snapshots.
 *
 * @throws CinderError `ManageExistingInvalidReference`
 */
export function parseSnapshotReference(reference: Json): SnapshotReference {
  const { name, id } = given(reference);
  if (name === null) {
    if (id !== null && uuidText.test(id)) return { location: null, file: null, id };
    throw invalidReference(reference, 'give "source-name" (its file, or snapshot-UUID) or "source-id" (its UUID)');
  }
  const slash = name.lastIndexOf('/');
  const file = name.slice(slash + 1);
  const [, plainId = null] = snapshotName.exec(file) ?? [];
  const [, overlayId = null] = overlayName.exec(file) ?? [];
  return { location: slash === -1 ? null : name.slice(0, slash), file, id: plainId ?? overlayId };
}

/** Why a file of this name cannot be taken in as it is. */
export function nameProblem(name: string): string | null {
  if (namePattern.test(name)) return null;
  return 'a file name may hold letters, digits and . _ ~ - only, and begins with a letter or digit; rename the file';
}

/** The id in a volume's file name; null where it is none. */
export function nameIdOf(name: string): string | null {
  return volumeFileName.exec(name)?.[1] ?? null;
}

/** Whether the file belongs to a volume whose file is another one: an overlay, its `.info`, what is unfinished. */
export function isPart(name: string): boolean {
  return partName.test(name);
}

/** Whether two texts name one share: a slash at the end makes no difference. */
export function sameShare(given: string, location: string): boolean {
  const plain = (text: string): string => text.replace(/\/+$/, '');
  return plain(given) === plain(location);
}

export function invalidReference(reference: Json, reason: string): CinderError {
  const existing_ref = JSON.stringify(reference);
  return new CinderError('ManageExistingInvalidReference', { existing_ref, reason }, { outcome: 'not-started' });
}
