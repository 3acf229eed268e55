import type { Config } from '../../config/load.ts';
import { databaseDefaults } from '../../db/database-options.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open-database.ts';
import {
  checkDatabase,
  dropOwnTables,
  syncDatabase,
  type CheckResult,
  type SyncResult,
} from '../../db/sync-database.ts';
import { InvalidInputError } from '../../kernel/errors.ts';
import { silentLogger } from '../../log/logger.ts';

/** The database that a configuration names, open for a command. */
export interface OpenRows {
  readonly db: Database;
  close(): Promise<void>;
}

/** A command tries to connect once: whoever waits at a terminal can try again. */
export async function openDatabaseOf(config: Config, signal: AbortSignal): Promise<OpenRows> {
  const { service, activeActive } = config.settings;
  const db = openDatabase({
    url: urlOf(config),
    schema: activeActive.journalSchema,
    maxRetries: 0,
    quota: { ...databaseDefaults.quota, noSnapshotGbQuota: service.noSnapshotGbQuota },
    prepareSchema: false,
    log: silentLogger,
  });
  await db.start(signal);
  return { db, close: () => db.stop({ force: AbortSignal.timeout(5_000) }) };
}

export function syncDatabaseOf(config: Config): Promise<SyncResult> {
  return syncDatabase(urlOf(config), { schema: config.settings.activeActive.journalSchema });
}

export function checkDatabaseOf(config: Config): Promise<CheckResult> {
  return checkDatabase(urlOf(config), { schema: config.settings.activeActive.journalSchema });
}

export function dropOwnTablesOf(config: Config): Promise<void> {
  return dropOwnTables(urlOf(config), { schema: config.settings.activeActive.journalSchema });
}

/** @throws InvalidInputError where a cloud's API owns the rows: what is written past it escapes its checks and quota */
export async function refuseForeignDatabase(config: Config): Promise<void> {
  const { upstreamOwned } = await checkDatabaseOf(config);
  if (!upstreamOwned) return;
  throw new InvalidInputError('[database] connection', 'belongs to a cloud: use its API, or give --bypass-api');
}

function urlOf(config: Config): string {
  const { connection } = config.settings.database;
  if (connection !== null) return connection;
  throw new InvalidInputError('[database] connection', 'is not set; name the configuration with --config-file');
}
