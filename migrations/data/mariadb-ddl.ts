import type { TableSketch } from './cinder-tables.ts';

const types: Readonly<Record<string, string>> = {
  time: 'datetime',
  bool: 'tinyint(1)',
  int: 'int(11)',
  text: 'text',
  serial: 'int(11)',
};

/** Columns that upstream's migrations leave otherwise than on PostgreSQL. */
const others: Readonly<Record<string, string>> = {
  // Upstream compares it to tell who wrote the row last.
  'workers.updated_at': 'datetime(6)',
  'quotas.resource': 'varchar(300) not null',
  'quota_classes.resource': 'varchar(300)',
  'reservations.resource': 'varchar(300)',
  'snapshots.use_quota': 'tinyint(1) not null default 1',
  'volumes.use_quota': 'tinyint(1) not null default 1',
};

/** `create table if not exists`, keys and indexes included; those that a foreign key needs are made by the server. */
export function mariadbTable(table: TableSketch): string {
  const lines = [
    ...table.columns.split(', ').map((sketch) => column(table.name, sketch)),
    `primary key (${quoteAll(table.primaryKey)})`,
    ...(table.unique ?? []).map((columns) => `unique (${quoteAll(columns)})`),
    ...(table.indexes ?? []).map(index),
    ...(table.foreign ?? []).map(foreignKey),
  ];
  return `create table if not exists ${quote(table.name)} (\n  ${lines.join(',\n  ')}\n) engine=InnoDB default charset=utf8mb3`;
}

function column(table: string, sketch: string): string {
  const match = /^(?<name>\w+) (?<type>\w+)(?<notNull>!?)(?:=(?<value>\w+))?$/.exec(sketch);
  if (match?.groups === undefined) throw new Error(`not a column: ${sketch}`);
  const { name = '', type = '', notNull, value } = match.groups;
  const other = others[`${table}.${name}`];
  if (other !== undefined) return `${quote(name)} ${other}`;
  const sqlType = types[type] ?? `varchar(${type.slice(1)})`;
  const always = notNull === '!' || type === 'serial' ? ' not null' : '';
  const counted = type === 'serial' ? ' auto_increment' : '';
  return `${quote(name)} ${sqlType}${always}${counted}${value === undefined ? '' : ` default ${value}`}`;
}

function index(sketch: string): string {
  const match = /^(?<unique>unique )?(?<name>\w+) \((?<columns>.*)\)$/.exec(sketch);
  if (match?.groups === undefined) throw new Error(`not an index: ${sketch}`);
  const { unique = '', name = '', columns = '' } = match.groups;
  return `${unique}index ${quote(name)} (${quoteAll(columns)})`;
}

function foreignKey(sketch: string): string {
  const [column = '', target = '', key = ''] = sketch.split(/ > |\./);
  return `foreign key (${quote(column)}) references ${quote(target)} (${quote(key)})`;
}

const quote = (name: string): string => `"${name}"`;
const quoteAll = (names: string): string => names.split(', ').map(quote).join(', ');
