import type { Session } from './session.ts';

/**
 * Upstream's schema revisions (cinder/db/migrations/versions) that this program has been read against, oldest first:
 * from the last of Zed (21) on. What they change (indexes, a table of old, quota rows, where nulls may stand) leaves the
 * rows that we write right.
 */
const known = [
  'c92a3e68beed',
  'daa98075b90d',
  '89aa6f9639f9',
  'b8660621f1b9',
  '9ab1b092a404',
  'b7b88f50aab5',
  '9c74c1c6971f',
  '385d1313da9a',
];

/** The last revision of the release before Zed, whose rows lack what we need. */
const beforeZed = '921e1a36b076';

/**
 * What stands in the way of working on a database that upstream's alembic owns; null: nothing. One without any revision
 * is still being made, and says so by the tables that it lacks.
 */
export async function upstreamProblem(session: Session): Promise<string | null> {
  const rows = await session.read<{ version: string }>('select version_num as version from alembic_version');
  const unknown = rows.map(({ version }) => version).find((version) => !known.includes(version));
  if (unknown === undefined) return null;
  if (unknown === beforeZed)
    return `the database's schema (alembic_version ${unknown}) is that of a release before Zed: bring it to Zed (21) or newer with cinder-manage db sync`;
  return `the database's schema (alembic_version ${unknown}) is none that this release knows (newest: ${known.at(-1) ?? ''}): upgrade cinder-volume-aa before Cinder; until then run Python's cinder-volume`;
}
