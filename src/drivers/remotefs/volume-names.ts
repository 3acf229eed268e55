import type { Volume } from '../../domain/rows.ts';
import { volumeNameId } from '../../domain/rows.ts';
import { InvalidInputError } from '../../kernel/errors.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Formats, shared with upstream: what a volume's files are called on its share. */
export function volumeFile(volume: Pick<Volume, 'id' | '_name_id'>): string {
  return `volume-${checkedUuid(volumeNameId(volume))}`;
}

export function snapshotFile(base: string, snapshotId: string): string {
  return `${base}.${checkedUuid(snapshotId)}`;
}

export function infoFile(base: string): string {
  return `${base}.info`;
}

/**
 * The name in a backing file entry, its folder left off.
 *
 * @returns undefined where it is no file of this volume
 */
export function backingName(backingFile: string, base: string): string | undefined {
  const [, folder = '', name = ''] = /^(.*\/)?([^/]*)$/.exec(backingFile) ?? [];
  if (folder !== '' && !/^\/.*\/$/.test(folder)) return undefined;
  const rest = name.toLowerCase().startsWith(base.toLowerCase()) ? name.slice(base.length) : undefined;
  return rest !== undefined && /^(\.(tmp-snap-)?[0-9a-f-]+)?$/i.test(rest) ? name : undefined;
}

function checkedUuid(text: string): string {
  if (!uuid.test(text)) throw new InvalidInputError('id', `"${text}" is no uuid`);
  return text;
}
