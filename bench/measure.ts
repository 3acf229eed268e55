import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { ForkCounter } from './forks.ts';
import { Load, type LoadResult } from './load.ts';
import { MemoryWatch, type MemoryReport } from './memory.ts';
import type { BenchOptions } from './options.ts';
import { Requests, type Prepared } from './requests.ts';
import { account, type Servers } from './servers.ts';
import { makeShare } from './share.ts';
import type { Side } from './side.ts';
import { SqlCounter, type SqlCount } from './sql.ts';
import { processTree } from '../test/support/process-tree.ts';

export interface OperationResult extends LoadResult {
  readonly operation: string;
  /** For one operation, heartbeats and periodic work in that time included. */
  readonly sqlPerOperation: SqlCount;
  /** Null where the kernel does not tell. */
  readonly processesPerOperation: number | null;
}

export interface RunResult {
  readonly side: string;
  readonly version: string;
  readonly readyMs: number;
  readonly readyMeans: string;
  readonly volumesInDatabase: number;
  readonly operations: readonly OperationResult[];
  readonly memory: MemoryReport;
  /** Files on the share when all was deleted. */
  readonly leftOnShare: readonly string[];
}

/** Small enough not to count, enough for both sides to have loaded and connected what they need. */
const warmUp = 4;

/** One life of one side: a database of its own, started, driven, stopped. */
export async function measure(side: Side, name: string, dir: string, servers: Servers, options: BenchOptions) {
  const runDir = join(dir, name);
  await mkdir(join(runDir, 'coordination'), { recursive: true, mode: 0o755 });
  const share = await makeShare(runDir, options.driver === 'nfs');
  const db = servers.pool(name);
  const counter = ForkCounter.open();
  try {
    const place = await servers.place(name);
    const coordinationUrl = servers.zookeeper?.url ?? `file://${join(runDir, 'coordination')}`;
    const context = { dir: runDir, place, share, coordinationUrl, db };
    await side.prepare(context);
    const sql = new SqlCounter(db, account.name);
    await sql.start();
    const requests = new Requests(db, side.target);
    await requests.fill(options.volumesInDatabase);
    const service = await side.start(context);
    const memory = new MemoryWatch(service.pids, side.rootRole);
    let operations: readonly OperationResult[] = [];
    let memoryReport: MemoryReport;
    try {
      counter?.follow(service.pids.flatMap(processTree));
      if (!options.startOnly) {
        const load = await Load.connect(db, place.amqpUrl, 'openstack');
        operations = await drive(new Driver(load, requests, sql, counter, db, options.inFlight), options);
        await load.close();
      }
    } finally {
      memoryReport = memory.stop();
      await service.stop();
    }
    return {
      side: side.name,
      version: side.version,
      readyMs: service.readyMs,
      readyMeans: side.readyMeans,
      volumesInDatabase: options.volumesInDatabase,
      operations,
      memory: memoryReport,
      leftOnShare: await share.leftovers(),
    } satisfies RunResult;
  } finally {
    counter?.close();
    await db.end();
    await share.remove();
  }
}

/** The operations in the order in which a volume lives. */
async function drive(driver: Driver, { count, chain }: BenchOptions): Promise<OperationResult[]> {
  const { requests } = driver;
  for (const volumes of [await requests.createVolumes(warmUp)]) {
    await driver.run('warm-up', volumes);
    const snapshots = await requests.createSnapshots(idsOf(volumes));
    await driver.run('warm-up', snapshots);
    await driver.run('warm-up', await requests.deleteSnapshots(idsOf(snapshots)));
    await driver.run('warm-up', await requests.deleteVolumes(idsOf(volumes)));
  }
  const volumes = await requests.createVolumes(count);
  const results = [await driver.run('create', volumes)];
  const snapshots = await requests.createSnapshots(idsOf(volumes));
  results.push(await driver.run('snapshot, many volumes', snapshots));
  results.push(await driver.run('delete snapshot, many volumes', await requests.deleteSnapshots(idsOf(snapshots))));
  if (chain > 0) {
    const links = await requests.createSnapshots(Array<string>(chain).fill(volumes[0]?.id ?? ''));
    results.push(await driver.run('snapshot, one volume', links));
    results.push(await driver.run('delete snapshot, one volume', await requests.deleteSnapshots(idsOf(links))));
  }
  results.push(await driver.run('delete', await requests.deleteVolumes(idsOf(volumes))));
  return results;
}

const idsOf = (prepared: readonly Prepared[]): string[] => prepared.map(({ id }) => id);

class Driver {
  readonly requests: Requests;
  readonly #load: Load;
  readonly #sql: SqlCounter;
  readonly #forks: ForkCounter | undefined;
  readonly #db: pg.Pool;
  readonly #inFlight: number;

  constructor(
    load: Load,
    requests: Requests,
    sql: SqlCounter,
    forks: ForkCounter | undefined,
    db: pg.Pool,
    inFlight: number,
  ) {
    this.#load = load;
    this.requests = requests;
    this.#sql = sql;
    this.#forks = forks;
    this.#db = db;
    this.#inFlight = inFlight;
  }

  async run(operation: string, prepared: readonly Prepared[]): Promise<OperationResult> {
    // What the rows' making left to write is not part of what is measured next.
    await this.#db.query('CHECKPOINT');
    await this.#sql.reset();
    const forksBefore = this.#forks?.forks ?? 0;
    const result = await this.#load.run(prepared, this.#inFlight);
    const sql = await this.#sql.count();
    const forks = this.#forks === undefined ? null : this.#forks.forks - forksBefore;
    const each = (total: number): number => total / prepared.length;
    return {
      operation,
      ...result,
      sqlPerOperation: { statements: each(sql.statements), control: each(sql.control) },
      processesPerOperation: forks === null ? null : each(forks),
    };
  }
}
