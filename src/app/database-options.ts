import type { Settings } from '../config/options/index.ts';
import type { DatabaseOptions } from '../db/database-options.ts';
import { InvalidInputError } from '../kernel/errors.ts';

/** What the configuration says of the database. Throws where it names none: a replica has no default of its own. */
export function databaseOptions({ database, service, activeActive }: Settings): DatabaseOptions {
  if (database.connection === null) {
    throw new InvalidInputError('[database] connection', "names no database; set it to the URL of Cinder's");
  }
  return {
    url: database.connection,
    schema: activeActive.journalSchema,
    maxPoolSize: database.maxPoolSize,
    maxOverflow: database.maxOverflow,
    recycleMs: database.connectionRecycleTimeMs,
    poolTimeoutMs: database.poolTimeoutMs,
    maxRetries: database.maxRetries,
    retryIntervalMs: database.retryIntervalMs,
    conflictRetries: database.dbMaxRetries,
    conflictRetryMaxMs: database.dbMaxRetryIntervalMs,
    quota: {
      noSnapshotGbQuota: service.noSnapshotGbQuota,
      useDefaultQuotaClass: service.useDefaultQuotaClass,
      limits: { gigabytes: service.quotaGigabytes, per_volume_gigabytes: service.perVolumeSizeLimit },
    },
  };
}
