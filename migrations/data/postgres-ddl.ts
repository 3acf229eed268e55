import type { TableSketch } from './cinder-tables.ts';

const types: Readonly<Record<string, string>> = {
  time: 'timestamp without time zone',
  bool: 'boolean',
  int: 'integer',
  text: 'text',
  serial: 'serial',
};

/** `create table`, `create index` and last the foreign keys, because tables refer to others in any order. */
export function postgresDdl(tables: readonly TableSketch[]): readonly string[] {
  return [...tables.map(createTable), ...tables.flatMap(createIndexes), ...tables.flatMap(addForeignKeys)];
}

function createTable(table: TableSketch): string {
  const lines = [
    ...table.columns.split(', ').map(column),
    `primary key (${quoteAll(table.primaryKey)})`,
    ...(table.unique ?? []).map((columns) => `unique (${quoteAll(columns)})`),
  ];
  return `create table ${quote(table.name)} (\n  ${lines.join(',\n  ')}\n)`;
}

function column(sketch: string): string {
  const match = /^(?<name>\w+) (?<type>\w+)(?<notNull>!?)(?:=(?<value>\w+))?$/.exec(sketch);
  if (match?.groups === undefined) throw new Error(`not a column: ${sketch}`);
  const { name = '', type = '', notNull, value } = match.groups;
  const sqlType = types[type] ?? `character varying(${type.slice(1)})`;
  const always = notNull === '!' ? ' not null' : '';
  return `${quote(name)} ${sqlType}${always}${value === undefined ? '' : ` default ${value}`}`;
}

function createIndexes(table: TableSketch): readonly string[] {
  return (table.indexes ?? []).map((sketch) => {
    const match = /^(?<unique>unique )?(?<name>\w+) \((?<columns>.*)\)$/.exec(sketch);
    if (match?.groups === undefined) throw new Error(`not an index: ${sketch}`);
    const { unique = '', name = '', columns = '' } = match.groups;
    return `create ${unique}index ${quote(name)} on ${quote(table.name)} (${quoteAll(columns)})`;
  });
}

function addForeignKeys(table: TableSketch): readonly string[] {
  return (table.foreign ?? []).map((sketch) => {
    const [column = '', target = '', key = ''] = sketch.split(/ > |\./);
    return `alter table ${quote(table.name)} add foreign key (${quote(column)}) references ${quote(target)} (${quote(key)})`;
  });
}

const quote = (name: string): string => `"${name}"`;
const quoteAll = (names: string): string => names.split(', ').map(quote).join(', ');
