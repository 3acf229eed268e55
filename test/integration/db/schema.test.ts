import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../src/db/open-database.ts';
import { SchemaError } from '../../../src/db/schema.ts';
import { checkDatabase, syncDatabase } from '../../../src/db/sync-database.ts';
import { clients, emptyDatabase, engines, type Client, type Engine } from '../../contract/db/fixture.ts';
import { buildOnce } from '../../support/shared-servers.ts';

interface Table {
  readonly table: string;
  readonly columns: readonly { name: string; type: string; not_null: boolean; default: string | null }[];
  readonly constraints: readonly { type: string; definition: string }[];
  readonly indexes: readonly string[];
}

const reference = (JSON.parse(readFileSync(join(import.meta.dirname, '../../data/schema-zed.json'), 'utf8')) as Table[])
  .filter(({ table }) => table !== 'alembic_version')
  .map(ordered);

async function withClient<T>(engine: Engine, url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await clients[engine](url);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const rows = (engine: Engine, url: string, sql: string): Promise<Record<string, unknown>[]> =>
  withClient(engine, url, (client) => client.query(sql));

/** The public tables as the reference describes them. */
async function postgresTables(url: string): Promise<Table[]> {
  const found = await rows(
    'postgres',
    url,
    `select json_build_object('table', c.relname, 'columns',
       (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
          'not_null', a.attnotnull, 'default', pg_get_expr(d.adbin, d.adrelid)) order by a.attnum)
        from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), 'constraints',
       (select coalesce(json_agg(json_build_object('type', k.contype, 'definition', pg_get_constraintdef(k.oid))), '[]')
        from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u', 'f')), 'indexes',
       (select coalesce(json_agg(indexdef), '[]') from pg_indexes i
        where i.schemaname = 'public' and i.tablename = c.relname)) as found
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname = 'public' and c.relname not like 'aa%' order by c.relname`,
  );
  return found.map((row) => ordered(JSON.parse(row['found'] as string) as Table));
}

/** `table, column, type, nullable, default` of each column, as the reference has them. */
async function mariadbColumns(url: string): Promise<string[]> {
  const found = await rows(
    'mariadb',
    url,
    `select table_name, column_name, column_type, is_nullable, coalesce(column_default, 'NULL')
     from information_schema.columns where table_schema = database() and table_name not like 'aa%'
     order by table_name, ordinal_position`,
  );
  return found.map((row) => Object.values(row).join('\t'));
}

const mariadbReference = readFileSync(join(import.meta.dirname, '../../data/schema-29-mariadb.tsv'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !/^(table|alembic_version)\t/.test(line));

function ordered(table: Table): Table {
  const constraints = table.constraints.toSorted((a, b) => (a.definition < b.definition ? -1 : 1));
  return { ...table, constraints, indexes: table.indexes.toSorted() };
}

const described = (engine: Engine, url: string): Promise<unknown> =>
  engine === 'postgres' ? postgresTables(url) : mariadbColumns(url);

const references: Readonly<Record<Engine, unknown>> = { postgres: reference, mariadb: mariadbReference };

/** Names of the tables beside the session's own. */
async function tableNames(engine: Engine, url: string): Promise<string[]> {
  const schema = engine === 'postgres' ? `'public'` : 'database()';
  const found = await rows(
    engine,
    url,
    `select table_name as name from information_schema.tables where table_schema = ${schema} order by 1`,
  );
  return found.map((row) => row['name'] as string);
}

const dropOwn = (engine: Engine, url: string): Promise<unknown> =>
  rows(engine, url, 'drop table aa_migrations, aa_journal, aa_fence, aa_outbox, aa_incarnation');

describe.each(engines)('on %s', (engine) => {
  describe('db sync', () => {
    let url: string;
    beforeAll(async () => {
      ({ url } = await emptyDatabase(engine));
    });

    it("makes Cinder's tables name by name and type by type, once", async () => {
      expect((await checkDatabase(url)).problems).toHaveLength(5);
      expect(await syncDatabase(url)).toMatchObject({ upstreamOwned: false, applied: { length: 5 } });
      expect(await described(engine, url)).toEqual(references[engine]);
      expect(await syncDatabase(url)).toEqual({ upstreamOwned: false, applied: [] });
      expect(await checkDatabase(url)).toEqual({ upstreamOwned: false, problems: [] });
    });

    it('puts in the rows that upstream counts on', async () => {
      expect(await rows(engine, url, `select name, is_public from volume_types`)).toEqual([
        { name: '__DEFAULT__', is_public: 't' },
      ]);
      expect(await rows(engine, url, `select hard_limit from quota_classes where resource = 'gigabytes'`)).toEqual([
        { hard_limit: '1000' },
      ]);
    });
  });

  describe('three processes that sync one empty database at once', () => {
    let built: string;
    beforeAll(async () => {
      built = await buildOnce();
    });

    it('make every table once and all succeed', async () => {
      const { url } = await emptyDatabase(engine);
      const module = join(built, 'src/sync-database.js');
      const ends = await Promise.all([1, 2, 3].map(() => runSync(module, url)));
      expect(ends.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(3).fill({ code: 0, stderr: '' }));
      expect(ends.flatMap(({ applied }) => applied).toSorted()).toEqual([
        '20260101-cinder-zed',
        '20260102-own-tables',
        '20260103-served-backends',
        '20260104-held-probes',
        '20260105-outbox-by-kind',
      ]);
      expect(await described(engine, url)).toEqual(references[engine]);
      expect(await rows(engine, url, 'select count(*) as n from volume_types')).toEqual([{ n: '1' }]);
    });

    it('and replicas that start at once make our own tables once', async () => {
      const { url } = await emptyDatabase(engine);
      await syncDatabase(url);
      await dropOwn(engine, url);
      const replicas = Array.from({ length: 5 }, () => openDatabase({ url }));
      await Promise.all(replicas.map((replica) => replica.start(AbortSignal.timeout(20_000))));
      await Promise.all(replicas.map((replica) => replica.stop({ force: AbortSignal.timeout(1_000) })));
      expect((await checkDatabase(url)).problems).toEqual([]);
    });
  });

  describe("a database that upstream's alembic owns", () => {
    it('gets our own tables and no other change', async () => {
      const { url } = await emptyDatabase(engine);
      await rows(engine, url, `create table alembic_version (version_num varchar(32) primary key)`);
      await rows(engine, url, `create table volumes (id varchar(36) primary key, upstream_only int default 7)`);
      const before = await described(engine, url);
      expect(await syncDatabase(url)).toEqual({
        upstreamOwned: true,
        applied: ['20260102-own-tables', '20260103-served-backends', '20260104-held-probes', '20260105-outbox-by-kind'],
      });
      expect(await described(engine, url)).toEqual(before);
      expect(await tableNames(engine, url)).toEqual([
        'aa_fence',
        'aa_incarnation',
        'aa_journal',
        'aa_migrations',
        'aa_outbox',
        'alembic_version',
        'volumes',
      ]);
      expect(await checkDatabase(url)).toEqual({ upstreamOwned: true, problems: [] });
    });

    it.each([
      ['c92a3e68beed', null],
      ['385d1313da9a', null],
      ['0123456789ab', /alembic_version 0123456789ab.*upgrade cinder-volume-aa before Cinder/],
      ['921e1a36b076', /before Zed.*cinder-manage db sync/],
    ])('of revision %s', async (revision, refusal) => {
      const { url } = await emptyDatabase(engine);
      await syncDatabase(url);
      await rows(engine, url, `create table alembic_version (version_num varchar(32) primary key)`);
      await rows(engine, url, `insert into alembic_version values ('${revision}')`);
      const db = openDatabase({ url, maxRetries: 0 });
      const started = db.start(AbortSignal.timeout(5_000)).then(
        () => null,
        (error: unknown) => error,
      );
      const { problems } = await checkDatabase(url);
      if (refusal === null) {
        expect([await started, problems]).toEqual([null, []]);
      } else {
        expect(await started).toBeInstanceOf(SchemaError);
        expect(((await started) as Error).message).toMatch(refusal);
        expect(problems).toEqual([expect.stringMatching(refusal)]);
      }
      await db.stop({ force: AbortSignal.timeout(1_000) });
    });

    it("is not filled with Cinder's tables where upstream has not made them yet", async () => {
      const { url } = await emptyDatabase(engine);
      await rows(engine, url, `create table alembic_version (version_num varchar(32) primary key)`);
      await syncDatabase(url);
      expect((await tableNames(engine, url)).filter((name) => !name.startsWith('aa_'))).toEqual(['alembic_version']);
      expect((await checkDatabase(url)).problems).toEqual(["Cinder's tables are missing"]);
      await expect(openDatabase({ url, maxRetries: 0 }).start(AbortSignal.timeout(5_000))).rejects.toThrow(SchemaError);
    });
  });

  describe('our own tables', () => {
    it('lie in a schema of their own where one is named', async () => {
      const { url } = await emptyDatabase(engine);
      await syncDatabase(url, { schema: 'custody' });
      expect((await tableNames(engine, url)).filter((name) => name.startsWith('aa_'))).toEqual([]);
      const db = openDatabase({ url, schema: 'custody' });
      await db.start(AbortSignal.timeout(5_000));
      expect((await db.fence.mint(['x'])).size).toBe(1);
      expect(await db.journal.adopt('me', ['b'], 1, 1)).toEqual([]);
      await db.stop({ force: AbortSignal.timeout(1_000) });
      expect(await rows(engine, url, 'select name from custody.aa_fence')).toEqual([{ name: 'x' }]);
    });

    it('are printed as SQL for somebody with the right to make them, and that SQL works', async () => {
      const { url } = await emptyDatabase(engine);
      await syncDatabase(url);
      await dropOwn(engine, url);
      const role = `limited_${process.pid}`;
      const database = new URL(url).pathname.slice(1);
      const on = engine === 'postgres' ? 'all tables in schema public' : `${database}.*`;
      const grant = (rights: string): Promise<unknown> => rows(engine, url, `grant ${rights} on ${on} to ${role}`);
      const password = engine === 'postgres' ? 'login password' : 'identified by';
      await rows(engine, url, `create ${engine === 'postgres' ? 'role' : 'user'} ${role} ${password} 'p:w@/'`);
      await grant('select');
      const limited = new URL(url);
      limited.username = role;
      limited.password = encodeURIComponent('p:w@/');
      const withDriver = limited.href.replace(
        /^\w+:/,
        engine === 'postgres' ? 'postgresql+psycopg2:' : 'mysql+pymysql:',
      );
      const start = (): Promise<void> => openDatabase({ url: withDriver }).start(AbortSignal.timeout(5_000));
      const error = await start().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(SchemaError);
      const { message } = error as SchemaError;
      await withClient(engine, url, async (client) => {
        for (const statement of message.slice(message.indexOf('\n') + 1).split(/;\n/)) {
          if (statement !== '') await client.query(statement);
        }
      });
      await grant('select, insert, update, delete');
      await start();
    });
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
