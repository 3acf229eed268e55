import type { Migration } from './migration.ts';

/**
 * Custody: runs of processes (`aa_incarnation`), requests that we answer for (`aa_journal`), the newest token of each
 * lock name (`aa_fence`), messages that a settlement decided to send (`aa_outbox`). Times are UTC by the database's
 * clock. Nothing refers to anything by a foreign key: rows of the dead are looked up by absence.
 */
export const ownTables: Migration = {
  name: '20260102-own-tables',
  scope: 'own',
  postgres: ({ own }) => [
    `create table if not exists ${own('aa_incarnation')} (
  id varchar(64) primary key,
  host varchar(255) not null,
  pid integer not null,
  version varchar(64) not null,
  started_at timestamp not null,
  beat_at timestamp not null
)`,
    `create table if not exists ${own('aa_journal')} (
  id bigserial primary key,
  unique_id varchar(255) not null unique,
  method varchar(255) not null,
  version varchar(64) not null,
  backend varchar(255) not null,
  args text not null,
  context text not null,
  resource_type varchar(64) not null,
  resource_id varchar(255) not null,
  origin varchar(16) not null,
  owner varchar(64),
  claim integer not null default 0,
  notes text not null default '{}',
  received_at timestamp not null,
  claimed_at timestamp,
  finished_at timestamp,
  outcome varchar(16),
  detail text
)`,
    // Look-ups of what is to be done stay as cheap as that is little, whatever is kept of the past.
    `create index if not exists aa_journal_unfinished on ${own('aa_journal')} (backend, id) where finished_at is null`,
    `create index if not exists aa_journal_owned on ${own('aa_journal')} (owner) where finished_at is null`,
    `create index if not exists aa_journal_finished on ${own('aa_journal')} (finished_at) where finished_at is not null`,
    `create table if not exists ${own('aa_fence')} (
  name varchar(255) primary key,
  token bigint not null,
  minted_at timestamp not null
)`,
    `create index if not exists aa_fence_minted on ${own('aa_fence')} (minted_at)`,
    `create table if not exists ${own('aa_outbox')} (
  id bigserial primary key,
  unique_id varchar(255) not null unique,
  owner varchar(64) not null,
  kind varchar(16) not null,
  topic varchar(255) not null,
  server varchar(255),
  payload text not null,
  created_at timestamp not null
)`,
  ],
  mariadb: ({ own }) => ({
    tables: [
      table(
        own('aa_incarnation'),
        `id varchar(64) primary key,
  host varchar(255) not null,
  pid integer not null,
  version varchar(64) not null,
  serves text not null,
  holds_probe tinyint(1) not null default 0,
  started_at datetime(6) not null,
  beat_at datetime(6) not null`,
      ),
      // `receipt`: which call put the row in. `checks`: how often a transaction has counted on the row as it is.
      table(
        own('aa_journal'),
        `id bigint auto_increment primary key,
  unique_id varchar(255) not null unique,
  method varchar(255) not null,
  version varchar(64) not null,
  backend varchar(255) not null,
  args longtext not null,
  context longtext not null,
  resource_type varchar(64) not null,
  resource_id varchar(255) not null,
  origin varchar(16) not null,
  owner varchar(64),
  claim integer not null default 0,
  notes longtext not null default ('{}'),
  received_at datetime(6) not null,
  claimed_at datetime(6),
  finished_at datetime(6),
  outcome varchar(16),
  detail text,
  receipt varchar(36) not null,
  checks bigint not null default 0,
  index aa_journal_by_backend (finished_at, backend, id),
  index aa_journal_owned (owner, finished_at)`,
      ),
      table(
        own('aa_fence'),
        `name varchar(255) primary key,
  token bigint not null,
  minted_at datetime(6) not null,
  checks bigint not null default 0,
  index aa_fence_minted (minted_at)`,
      ),
      table(
        own('aa_outbox'),
        `id bigint auto_increment primary key,
  unique_id varchar(255) not null unique,
  owner varchar(64) not null,
  kind varchar(16) not null,
  topic varchar(255) not null,
  server varchar(255),
  payload longtext not null,
  created_at datetime(6) not null,
  index aa_outbox_by_kind (kind, id)`,
      ),
    ],
  }),
};

/** MariaDB compares texts without regard to case unless told otherwise. */
const table = (name: string, columns: string): string =>
  `create table if not exists ${name} (\n  ${columns}\n) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin`;

/** Which backends a run of a process serves (a JSON list of `host@backend` or `cluster@backend`): who must exclude whom. */
export const servedBackends: Migration = {
  name: '20260103-served-backends',
  scope: 'own',
  postgres: ({ own }) => [
    `alter table ${own('aa_incarnation')} add column if not exists serves text not null default '[]'`,
  ],
  // There the table has had this and the next column from the start.
  mariadb: () => ({ tables: [] }),
};

/** Whether a run of a process holds the lock in its own name by which others see that it and they exclude one another. */
export const heldProbes: Migration = {
  name: '20260104-held-probes',
  scope: 'own',
  postgres: ({ own }) => [
    `alter table ${own('aa_incarnation')} add column if not exists holds_probe boolean not null default false`,
  ],
  mariadb: () => ({ tables: [] }),
};

/** Finds requests at once where very many notifications wait: for their broker, hours maybe. */
export const outboxByKind: Migration = {
  name: '20260105-outbox-by-kind',
  scope: 'own',
  postgres: ({ own }) => [`create index if not exists aa_outbox_by_kind on ${own('aa_outbox')} (kind, id)`],
  mariadb: () => ({ tables: [] }),
};
