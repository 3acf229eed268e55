import type pg from 'pg';
import { cpuMs } from './cpu.ts';
import { ForkCounter } from './forks.ts';
import { Load, type LoadResult } from './load.ts';
import { MemoryWatch, type MemoryReport } from './memory.ts';
import type { BenchOptions } from './options.ts';
import type { Prepared, Requests } from './requests.ts';
import type { Servers } from './servers.ts';
import type { Side } from './side.ts';
import type { SqlCount, SqlCounter } from './sql.ts';
import { makeSurroundings } from './surroundings.ts';
import { processTree } from '../test/support/process-tree.ts';

export interface OperationResult extends LoadResult {
  readonly operation: string;
  /** For one operation, heartbeats and periodic work in that time included. */
  readonly sqlPerOperation: SqlCount;
  /** Those that were asked most, with the database's own time for each operation. For the JSON only. */
  readonly sqlStatements: readonly { readonly query: string; readonly calls: number; readonly ms: number }[];
  /** Processor time for one operation, in ms. */
  readonly cpuMsPerOperation: { readonly service: number; readonly database: number; readonly broker: number };
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
/** How many different statements of each operation are told. */
const listed = 40;

/** One life of one side: started in surroundings of its own, driven, stopped. */
export async function measure(
  side: Side,
  name: string,
  dir: string,
  servers: Servers,
  options: BenchOptions,
): Promise<RunResult> {
  const [volumesInDatabase = 0] = options.volumesInDatabase;
  const surroundings = await makeSurroundings(side, name, dir, servers, options, volumesInDatabase);
  const { context, requests, sql } = surroundings;
  const { db, place, share } = context;
  const forks = ForkCounter.open();
  try {
    const service = await side.start(context);
    const { pids, readyMs } = service;
    const memory = new MemoryWatch(pids, side.rootRole);
    let operations: readonly OperationResult[];
    let memoryReport: MemoryReport;
    try {
      forks?.follow(pids.flatMap(processTree));
      const load = await Load.connect(db, place.amqpUrl, 'openstack');
      await load.untilConsumed(requests.queue);
      const { inFlight } = options;
      operations = await drive(new Driver({ load, requests, sql, forks, db, inFlight, servers, pids }), options);
      await load.close();
    } finally {
      memoryReport = memory.stop();
      await service.stop();
    }
    return {
      side: side.name,
      version: side.version,
      readyMs,
      readyMeans: side.readyMeans,
      volumesInDatabase,
      operations,
      memory: memoryReport,
      leftOnShare: await share.leftovers(),
    };
  } finally {
    forks?.close();
    await surroundings.close();
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

interface DriverParts {
  readonly load: Load;
  readonly requests: Requests;
  readonly sql: SqlCounter;
  readonly forks: ForkCounter | undefined;
  readonly db: pg.Pool;
  readonly inFlight: number;
  readonly servers: Servers;
  /** Of the service. */
  readonly pids: readonly number[];
}

class Driver {
  readonly #parts: DriverParts;

  constructor(parts: DriverParts) {
    this.#parts = parts;
  }

  get requests(): Requests {
    return this.#parts.requests;
  }

  async run(operation: string, prepared: readonly Prepared[]): Promise<OperationResult> {
    const { load, sql, forks, db, inFlight } = this.#parts;
    // What the rows' making left to write is not part of what is measured next.
    await db.query('CHECKPOINT');
    await sql.reset();
    const forksBefore = forks?.forks ?? 0;
    const cpuBefore = this.#cpu();
    const result = await load.run(prepared, inFlight);
    const cpu = this.#cpu();
    const each = (total: number): number => total / prepared.length;
    const asked = await sql.count();
    const most = await sql.most(listed);
    return {
      operation,
      ...result,
      sqlPerOperation: { statements: each(asked.statements), control: each(asked.control) },
      sqlStatements: most.map(({ query, calls, ms }) => ({ query, calls: each(calls), ms: each(ms) })),
      cpuMsPerOperation: {
        service: each(cpu.service - cpuBefore.service),
        database: each(cpu.database - cpuBefore.database),
        broker: each(cpu.broker - cpuBefore.broker),
      },
      processesPerOperation: forks === undefined ? null : each(forks.forks - forksBefore),
    };
  }

  #cpu() {
    const { servers, pids } = this.#parts;
    return { service: cpuMs(pids), database: cpuMs([servers.pids.postgres]), broker: cpuMs([servers.pids.rabbit]) };
  }
}
