import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../src/db/open-database.ts';
import { SchemaError } from '../../../src/db/schema.ts';
import { checkDatabase, syncDatabase } from '../../../src/db/sync-database.ts';
import { buildOnce, sharedPostgres } from '../../support/shared-servers.ts';

interface Table {
  readonly table: string;
  readonly columns: readonly { name: string; type: string; not_null: boolean; default: string | null }[];
  readonly constraints: readonly { type: string; definition: string }[];
  readonly indexes: readonly string[];
}

const reference = (JSON.parse(readFileSync(join(import.meta.dirname, '../../data/schema-zed.json'), 'utf8')) as Table[])
  .filter(({ table }) => table !== 'alembic_version')
  .map(ordered);

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const rows = (url: string, sql: string): Promise<Record<string, unknown>[]> =>
  withClient(url, async (client) => (await client.query<Record<string, unknown>>(sql)).rows);

/** The public tables as the reference describes them; `pattern` chooses by name. */
async function tablesOf(url: string, pattern = '^(?!aa_)'): Promise<Table[]> {
  const found = await rows(
    url,
    `select c.relname as table,
       (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
          'not_null', a.attnotnull, 'default', pg_get_expr(d.adbin, d.adrelid)) order by a.attnum)
        from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
       (select coalesce(json_agg(json_build_object('type', k.contype, 'definition', pg_get_constraintdef(k.oid))), '[]')
        from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u', 'f')) as constraints,
       (select coalesce(json_agg(indexdef), '[]') from pg_indexes i
        where i.schemaname = 'public' and i.tablename = c.relname) as indexes
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname = 'public' and c.relname ~ '${pattern}' order by 1`,
  );
  return (found as unknown as Table[]).map(ordered);
}

function ordered(table: Table): Table {
  const constraints = table.constraints.toSorted((a, b) => (a.definition < b.definition ? -1 : 1));
  return { ...table, constraints, indexes: table.indexes.toSorted() };
}

describe('db sync', () => {
  let url: string;
  beforeAll(async () => {
    ({ url } = await sharedPostgres());
  });

  it("makes Cinder's tables name by name and type by type, once", async () => {
    expect((await checkDatabase(url)).problems).toHaveLength(4);
    expect(await syncDatabase(url)).toMatchObject({ upstreamOwned: false, applied: { length: 4 } });
    expect(await tablesOf(url)).toEqual(reference);
    expect(await syncDatabase(url)).toEqual({ upstreamOwned: false, applied: [] });
    expect(await checkDatabase(url)).toEqual({ upstreamOwned: false, problems: [] });
  });

  it('puts in the rows that upstream counts on', async () => {
    expect(await rows(url, `select name, is_public from volume_types`)).toEqual([
      { name: '__DEFAULT__', is_public: true },
    ]);
    expect(await rows(url, `select hard_limit from quota_classes where resource = 'gigabytes'`)).toEqual([
      { hard_limit: 1000 },
    ]);
  });
});

describe('three processes that sync one empty database at once', () => {
  let built: string;
  beforeAll(async () => {
    built = await buildOnce();
  });

  it('make every table once and all succeed', async () => {
    const { url } = await sharedPostgres();
    const module = join(built, 'src/db/sync-database.js');
    const ends = await Promise.all([1, 2, 3].map(() => runSync(module, url)));
    expect(ends.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(3).fill({ code: 0, stderr: '' }));
    expect(ends.flatMap(({ applied }) => applied).toSorted()).toEqual([
      '20260101-cinder-zed',
      '20260102-own-tables',
      '20260103-served-backends',
      '20260104-held-probes',
    ]);
    expect(await tablesOf(url)).toEqual(reference);
    expect(await rows(url, 'select count(*)::int as n from volume_types')).toEqual([{ n: 1 }]);
  });

  it('and replicas that start at once make our own tables once', async () => {
    const { url } = await sharedPostgres();
    await syncDatabase(url);
    await rows(url, 'drop table aa_migrations, aa_journal, aa_fence, aa_outbox, aa_incarnation');
    const replicas = Array.from({ length: 5 }, () => openDatabase({ url }));
    await Promise.all(replicas.map((replica) => replica.start(AbortSignal.timeout(20_000))));
    await Promise.all(replicas.map((replica) => replica.stop({ force: AbortSignal.timeout(1_000) })));
    expect((await checkDatabase(url)).problems).toEqual([]);
  });
});

describe("a database that upstream's alembic owns", () => {
  it('gets our own tables and no other change', async () => {
    const { url } = await sharedPostgres();
    await rows(url, `create table alembic_version (version_num varchar(32) primary key)`);
    await rows(url, `create table volumes (id varchar(36) primary key, upstream_only int default 7)`);
    const before = await tablesOf(url);
    expect(await syncDatabase(url)).toEqual({
      upstreamOwned: true,
      applied: ['20260102-own-tables', '20260103-served-backends', '20260104-held-probes'],
    });
    expect(await tablesOf(url)).toEqual(before);
    expect((await tablesOf(url, '^aa_')).map(({ table }) => table)).toEqual([
      'aa_fence',
      'aa_incarnation',
      'aa_journal',
      'aa_migrations',
      'aa_outbox',
    ]);
    expect(await checkDatabase(url)).toEqual({ upstreamOwned: true, problems: [] });
  });

  it("is not filled with Cinder's tables where upstream has not made them yet", async () => {
    const { url } = await sharedPostgres();
    await rows(url, `create table alembic_version (version_num varchar(32) primary key)`);
    await syncDatabase(url);
    expect((await tablesOf(url)).map(({ table }) => table)).toEqual(['alembic_version']);
    expect((await checkDatabase(url)).problems).toEqual(["Cinder's tables are missing"]);
    await expect(openDatabase({ url, maxRetries: 0 }).start(AbortSignal.timeout(5_000))).rejects.toThrow(SchemaError);
  });
});

describe('our own tables', () => {
  it('lie in a schema of their own where one is named', async () => {
    const { url } = await sharedPostgres();
    await syncDatabase(url, { schema: 'custody' });
    expect(await tablesOf(url, '^aa_')).toEqual([]);
    const db = openDatabase({ url, schema: 'custody' });
    await db.start(AbortSignal.timeout(5_000));
    expect((await db.fence.mint(['x'])).size).toBe(1);
    expect(await db.journal.adopt('me', ['b'], 1, 1)).toEqual([]);
    await db.stop({ force: AbortSignal.timeout(1_000) });
    expect(await rows(url, 'select name from custody.aa_fence')).toEqual([{ name: 'x' }]);
  });

  it('are printed as SQL for somebody with the right to make them, and that SQL works', async () => {
    const { url } = await sharedPostgres();
    await syncDatabase(url);
    await rows(url, 'drop table aa_migrations, aa_journal, aa_fence, aa_outbox, aa_incarnation');
    const role = `limited_${process.pid}`;
    await rows(url, `create role ${role} login password 'p:w@/'`);
    await rows(url, `grant select on all tables in schema public to ${role}`);
    const limited = new URL(url);
    limited.username = role;
    limited.password = encodeURIComponent('p:w@/');
    const start = (): Promise<void> =>
      openDatabase({ url: limited.href.replace('postgres:', 'postgresql+psycopg2:') }).start(
        AbortSignal.timeout(5_000),
      );
    const error = await start().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(SchemaError);
    const { message } = error as SchemaError;
    await rows(url, message.slice(message.indexOf('\n')));
    await rows(url, `grant select, insert, update, delete on all tables in schema public to ${role}`);
    await start();
  });
});

/** A process that does what `cinder-volume-aa db sync` does. */
function runSync(module: string, url: string) {
  const script = `import { syncDatabase } from ${JSON.stringify(module)};
    process.stdout.write(JSON.stringify((await syncDatabase(process.env.URL)).applied));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env, URL: url } });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.on('data', (data: Buffer) => out.push(data.toString()));
  child.stderr.on('data', (data: Buffer) => err.push(data.toString()));
  return new Promise<{ code: number | null; applied: string[]; stderr: string }>((resolve) =>
    child.once('close', (code) =>
      resolve({ code, applied: code === 0 ? (JSON.parse(out.join('')) as string[]) : [], stderr: err.join('') }),
    ),
  );
}
