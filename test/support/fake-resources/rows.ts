import { now } from '../../../src/db/ports/resources.ts';
import type { Backup, Group, GroupSnapshot, Snapshot, Volume, VolumeAttachment } from '../../../src/domain/rows.ts';
import { isAsExpected } from '../as-expected.ts';
import { CLOCK } from './tables.ts';

/** Of each repository what the tests need: a statement that is missing fails the test by its name. */
export type Faked<Families> = { readonly [Family in keyof Families]: Partial<Families[Family]> };

/** Any row of a table with an id and a mark of its deletion. */
type Soft = Volume | Snapshot | Group | GroupSnapshot | VolumeAttachment | Backup;

export function update<Row extends Soft>(
  rows: Record<string, Row>,
  id: string,
  changes: object,
  expected: object = {},
): number {
  const row = alive(rows[id]);
  if (row === null || !isAsExpected(row, expected)) return 0;
  const values = Object.entries(changes).map(([column, value]) => [column, value === now ? CLOCK : value] as const);
  rows[id] = { ...row, ...Object.fromEntries(values) };
  return 1;
}

export function destroy<Row extends Soft>(rows: Record<string, Row>, id: string): number {
  const row = alive(rows[id]);
  if (row === null) return 0;
  rows[id] = { ...row, status: 'deleted', deleted: true };
  return 1;
}

export function alive<Row extends { readonly deleted: boolean }>(row: Row | undefined): Row | null {
  return row === undefined || row.deleted ? null : row;
}

export function answer<T>(statement: () => T): Promise<T> {
  return Promise.resolve(statement());
}
