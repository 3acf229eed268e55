import type { Migration } from '../../../migrations/migration.ts';
import { identifier } from '../dialect.ts';
import type { Migrator } from '../migrator.ts';
import type { OwnNames } from '../own-names.ts';
import { postgres } from './dialect.ts';

/** One transaction under one lock: a process that is killed in the middle leaves nothing. */
export const postgresMigrator: Migrator = {
  run: (session, names, schema, missing) =>
    session.atomically(async (tx) => {
      await tx.read(`select pg_advisory_xact_lock(hashtextextended('cinder-volume-aa migrations', 0))`);
      for (const statement of bookkeeping(names, schema)) await tx.write(statement);
      const todo = await missing(tx);
      for (const statement of todo.flatMap((migration) => steps(names, migration))) await tx.write(statement);
      return todo.map(({ name }) => name);
    }),
  sql: (names, schema, todo) => [
    ...bookkeeping(names, schema),
    ...todo.flatMap((migration) => steps(names, migration)),
  ],
};

const steps = (names: OwnNames, migration: Migration): readonly string[] => [
  ...migration.postgres(names),
  `insert into ${names.own('aa_migrations')} (name, applied_at) values ('${migration.name}', ${postgres.now})
   on conflict (name) do nothing`,
];

/** The schema is only made where it is missing: `if not exists` asks for the right to make one all the same. */
function bookkeeping(names: OwnNames, schema: string | null): readonly string[] {
  const makeSchema = `do $$ begin if to_regnamespace('${schema ?? ''}') is null then create schema ${identifier(schema ?? 'x')}; end if; end $$`;
  return [
    ...(schema === null ? [] : [makeSchema]),
    `create table if not exists ${names.own('aa_migrations')} (
  name varchar(255) primary key,
  applied_at timestamp not null
)`,
  ];
}
