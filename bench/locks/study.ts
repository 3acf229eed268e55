import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres, type PostgresServer } from '../../test/support/servers.ts';
import { runMembers, type Side } from './members.ts';
import { methods, type ChangesTask, type Method } from './member-task.ts';
import { Noise } from './noise.ts';
import type { LockService } from './services.ts';
import { pictureOf } from './study-picture.ts';
import { cases, cellOf, type Cell, type Contestant, type StudyCase } from './study-cells.ts';
import { studyPage } from './study-page.ts';

/** Processes of a side, over which the workers are spread. */
const processes = 3;
const changes = 10;
const connectionsEach = 10;

export interface StudyOptions {
  readonly services: readonly LockService[];
  readonly sides: readonly Side[];
  /** What takes longer is cut. */
  readonly seconds: number;
  /** The folder for the page and the picture. */
  readonly out: string;
  /** Date and machine. */
  readonly where: string;
}

/** The study that the proposal of Cinder's locks points to, on this machine. */
export async function runStudy(options: StudyOptions): Promise<void> {
  const postgres = await startPostgres({ fsync: true, settings: { max_connections: '300' } });
  const cells: Cell[] = [];
  try {
    const databaseUrl = await prepareRows(postgres);
    const noise = await Noise.start(databaseUrl);
    try {
      for (const one of cases) cells.push(...(await measureCase(one, databaseUrl, options)));
    } finally {
      await noise.stop();
    }
  } finally {
    await postgres.stop();
  }
  const page = studyPage(cells, { ...options, processes, changes });
  await writeFile(join(options.out, 'lock-study.md'), page);
  await writeFile(join(options.out, 'lock-study.svg'), pictureOf(cells));
  console.log(page);
}

function contestantsOf({ services, sides }: StudyOptions): readonly Contestant[] {
  const withLocks = (method: Method): boolean => method.startsWith('lock');
  const database = methods.filter((method) => !withLocks(method));
  return [
    ...(sides.includes('ours')
      ? database.map((method) => ({ method, side: 'ours' as const, url: null, label: method }))
      : []),
    ...services.flatMap(({ name, url }) =>
      methods.filter(withLocks).flatMap((method) => {
        return sides.map((side) => ({ method, side, url, label: `${name}, ${method}, ${side}` }));
      }),
    ),
  ];
}

async function measureCase(one: StudyCase, databaseUrl: string, options: StudyOptions): Promise<readonly Cell[]> {
  const cells: Cell[] = [];
  for (const contestant of contestantsOf(options)) {
    const cell = await measure(one, contestant, databaseUrl, options.seconds);
    console.error(`${one.label}, ${contestant.label}: ${cell.done} of ${cell.wanted} in ${cell.seconds.toFixed(1)} s`);
    cells.push(cell);
  }
  return cells;
}

async function measure(one: StudyCase, contestant: Contestant, databaseUrl: string, seconds: number): Promise<Cell> {
  const { method, side, url } = contestant;
  const shared = { kind: 'changes', url, databaseUrl, method, changes, connections: connectionsEach, seconds } as const;
  await resetRows(databaseUrl);
  const tasks = workersOf(one).map((rows): { side: Side; task: ChangesTask } => ({ side, task: { ...shared, rows } }));
  return cellOf(one, contestant, changes, await runMembers(tasks));
}

/** Each process's workers; those of one row are spread over all processes. */
function workersOf({ rows, workers }: StudyCase): readonly (readonly string[])[] {
  const all = Array.from({ length: rows * workers }, (_, index) => ({
    row: `row-${index % rows}`,
    process: (index + Math.floor(index / rows)) % processes,
  }));
  return Array.from({ length: processes }, (_, process) =>
    all.filter((worker) => worker.process === process).map(({ row }) => row),
  );
}

async function prepareRows(postgres: PostgresServer): Promise<string> {
  const databaseUrl = await postgres.createDatabase('study');
  const most = Math.max(...cases.map(({ rows }) => rows));
  await query(databaseUrl, 'CREATE TABLE bench_rows (id text PRIMARY KEY, status text NOT NULL)');
  await query(
    databaseUrl,
    `INSERT INTO bench_rows SELECT 'row-' || n, 'available' FROM generate_series(0, ${most - 1}) n`,
  );
  return databaseUrl;
}

/** A worker that was cut may have left its row as it was. */
const resetRows = (databaseUrl: string): Promise<void> =>
  query(databaseUrl, `UPDATE bench_rows SET status = 'available' WHERE status <> 'available'`);

async function query(databaseUrl: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
