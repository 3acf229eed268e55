import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { loadConfig, type Config } from '../config/load.ts';
import { syncDatabaseOf } from '../cli/drive/open-rows.ts';
import { toError } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import { startHub } from '../rpc/memory/hub-server.ts';
import { devConf, devPaths, type DevPaths } from './dev-conf.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { freePorts } from './free-port.ts';
import { startReplica, type ReplicaProcess } from './replica-process.ts';

export interface DevClusterOptions {
  /** Everything is kept here; made where absent. Found again by a later start. */
  readonly dir: string;
  readonly replicas: number;
  /** What Node runs as a replica. */
  readonly program: string;
  /** False where there is no qemu-img: snapshots and clones are then refused by the driver. */
  readonly snapshots: boolean;
  readonly log: Logger;
  /** Ends the start. */
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Some replicas on embedded servers, all of them children of this process. */
export interface DevCluster {
  readonly paths: DevPaths;
  readonly replicas: readonly ReplicaProcess[];
  /** The configuration of the first replica, which is also good for commands. */
  readonly configFile: string;
  readonly config: Config;
  /** `postgresql://…` of the embedded database. */
  readonly databaseUrl: string;
  /** In reverse order, each in its own good time. Safe twice. */
  stop(): Promise<void>;
}

/** What was started, to be stopped in reverse. */
type Stops = (() => Promise<void>)[];

const replicaGraceMs = 15_000;

/** Starts PostgreSQL, the hub and the replicas; resolves when all of them are ready. If one fails, none stays. */
export async function startDevCluster(options: DevClusterOptions): Promise<DevCluster> {
  const stops: Stops = [];
  const stop = async (): Promise<void> => {
    for (let end = stops.pop(); end !== undefined; end = stops.pop()) await end();
  };
  try {
    const paths = devPaths(options.dir);
    await makeFolders(paths);
    const [postgresPort = 0, ...healthPorts] = await freePorts(1 + options.replicas);
    const databaseUrl = await startDatabase(paths, postgresPort, options, stops);
    const configFiles = await writeConfigs(paths, databaseUrl, healthPorts, options.snapshots);
    const configFile = configFiles[0] ?? '';
    const config = await loadConfig({ given: [{ kind: 'file', path: configFile }], environment: {} });
    await syncDatabaseOf(config);
    await startQueue(paths, options, stops);
    const replicas = await startReplicas(configFiles, healthPorts, options, stops);
    return { paths, replicas, configFile, config, databaseUrl, stop };
  } catch (error) {
    await stop();
    throw toError(error);
  }
}

async function makeFolders(paths: DevPaths): Promise<void> {
  for (const folder of [paths.dir, paths.share, paths.locks]) await mkdir(folder, { recursive: true, mode: 0o700 });
}

async function startDatabase(
  paths: DevPaths,
  port: number,
  { log, signal, say }: DevClusterOptions,
  stops: Stops,
): Promise<string> {
  say('PostgreSQL starts');
  const server = await startEmbeddedPostgres({ dir: paths.postgres, port, fsync: true, log, signal });
  stops.push(() => server.stop());
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = 'cinder'");
    if (rowCount === 0) await client.query('CREATE DATABASE cinder');
  } finally {
    await client.end();
  }
  const url = new URL(server.url);
  url.pathname = '/cinder';
  url.protocol = 'postgresql:';
  return url.href;
}

async function writeConfigs(
  paths: DevPaths,
  databaseUrl: string,
  healthPorts: readonly number[],
  snapshots: boolean,
): Promise<readonly string[]> {
  return Promise.all(
    healthPorts.map(async (healthPort, index) => {
      const host = replicaName(index);
      const file = join(paths.dir, `${host}.conf`);
      await mkdir(join(paths.dir, host), { recursive: true });
      await writeFile(file, devConf({ paths, host, databaseUrl, healthPort, snapshots }), { mode: 0o600 });
      return file;
    }),
  );
}

const replicaName = (index: number): string => `replica-${index + 1}`;

async function startQueue(paths: DevPaths, { log, say }: DevClusterOptions, stops: Stops): Promise<void> {
  say('the message hub starts');
  const hub = await startHub({ socketPath: paths.hubSocket, log });
  stops.push(() => hub.stop());
}

async function startReplicas(
  configFiles: readonly string[],
  healthPorts: readonly number[],
  { dir, program, signal, say }: DevClusterOptions,
  stops: Stops,
): Promise<readonly ReplicaProcess[]> {
  say(`${configFiles.length} replica(s) start`);
  const replicas: ReplicaProcess[] = [];
  // All at once, as their own stop is: the last one out has nobody to hand its work to.
  stops.push(async () => {
    await Promise.all(replicas.map((replica) => replica.stop(replicaGraceMs)));
  });
  for (const [index, configFile] of configFiles.entries()) {
    const name = replicaName(index);
    const logFile = join(dir, `${name}.log`);
    replicas.push(await startReplica({ name, program, configFile, logFile, healthPort: healthPorts[index] ?? 0 }));
  }
  const limit = AbortSignal.any([signal, AbortSignal.timeout(60_000)]);
  await Promise.all(replicas.map((replica) => replica.ready(limit)));
  return replicas;
}
