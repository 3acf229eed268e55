import { CinderError } from '../../domain/exceptions.ts';

/**
 * A volume's `.info` file: which file is the top image, and for each snapshot the file whose *backing file* holds the
 * snapshot's data.
 */
export interface SnapshotInfo {
  readonly active: string;
  readonly snapshots: ReadonlyMap<string, string>;
}

/**
 * Reads upstream's format: one JSON object of strings.
 *
 * @throws CinderError naming the file where it is torn (a writer in place was interrupted) or foreign
 */
export function parseInfoFile(text: string, fileName: string): SnapshotInfo {
  const entries = Object.entries<unknown>({ ...parseObject(text, fileName) });
  const snapshots = new Map<string, string>();
  for (const [key, value] of entries) {
    if (typeof value !== 'string' || value.includes('/')) throw foreign(fileName, `${key} names no file`);
    if (key !== 'active') snapshots.set(key, value);
  }
  const active = entries.find(([key]) => key === 'active')?.[1];
  if (typeof active !== 'string') throw foreign(fileName, 'it names no active file');
  return { active, snapshots };
}

/** As Python's `json.dump(…, indent=1, sort_keys=True)` writes it: no newline at the end. */
export function formatInfoFile({ active, snapshots }: SnapshotInfo): string {
  const entries: readonly (readonly [string, string])[] = [['active', active], ...snapshots];
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return JSON.stringify(Object.fromEntries(sorted), null, 1);
}

/** `info` without one snapshot, and with another top image where one is given. */
export function withoutSnapshot(info: SnapshotInfo, snapshotId: string, active = info.active): SnapshotInfo {
  return { active, snapshots: new Map([...info.snapshots].filter(([id]) => id !== snapshotId)) };
}

/** The same snapshot under another id: its file, and what stands on it, stay. */
export function withOtherId({ active, snapshots }: SnapshotInfo, from: string, to: string): SnapshotInfo {
  return { active, snapshots: new Map([...snapshots].map(([id, file]) => [id === from ? to : id, file])) };
}

export function withSnapshot(info: SnapshotInfo, snapshotId: string, file: string): SnapshotInfo {
  return { active: file, snapshots: new Map([...info.snapshots, [snapshotId, file]]) };
}

function parseObject(text: string, fileName: string): object {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch (error) {
    throw foreign(fileName, text === '' ? 'it is empty' : 'it is torn or no JSON', error);
  }
  throw foreign(fileName, 'it holds no JSON object');
}

function foreign(fileName: string, problem: string, cause?: unknown): CinderError {
  const message = `The snapshot information file ${fileName} cannot be used: ${problem}.`;
  return new CinderError('RemoteFSException', {}, { message, cause, outcome: 'not-started' });
}
