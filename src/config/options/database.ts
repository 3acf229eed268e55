import { defineOptions, integer, seconds, string } from '../option.ts';

/** `[database]`: oslo.db's options. */
export const databaseOptions = defineOptions('database', {
  connection: string('connection', null, {
    secret: true,
    formerly: [{ group: 'DEFAULT', name: 'sql_connection' }, { group: 'sql', name: 'connection' }, 'sql_connection'],
    help: "Cinder's database, as SQLAlchemy writes it: postgresql[+psycopg2]://user:password@host[:port]/cinder or mysql+pymysql://...",
  }),
  maxPoolSize: integer('max_pool_size', 5, {
    min: 0,
    help: 'Connections that are kept open; 0 sets no limit.',
  }),
  maxOverflow: integer('max_overflow', 50, {
    min: -1,
    formerly: [{ group: 'DEFAULT', name: 'sql_max_overflow' }, 'sqlalchemy_max_overflow'],
    help: 'Connections beyond max_pool_size that may be opened at a peak; -1 sets no limit. No more than 20 are used in all: more would wait for each other in the server.',
  }),
  poolTimeoutMs: seconds('pool_timeout', 30, {
    min: 1,
    formerly: ['sqlalchemy_pool_timeout'],
    help: 'Seconds to wait for a free connection.',
  }),
  connectionRecycleTimeMs: seconds('connection_recycle_time', 3600, {
    min: -1,
    formerly: ['idle_timeout', { group: 'DEFAULT', name: 'sql_idle_timeout' }],
    help: 'Seconds after which a connection is replaced by a new one; -1 keeps it.',
  }),
  maxRetries: integer('max_retries', 10, {
    min: -1,
    formerly: [{ group: 'DEFAULT', name: 'sql_max_retries' }, 'sql_max_retries'],
    help: 'How often connecting is tried again at start; -1 tries for ever.',
  }),
  retryIntervalMs: seconds('retry_interval', 10, {
    min: 0,
    formerly: [{ group: 'DEFAULT', name: 'sql_retry_interval' }, 'reconnect_interval'],
    help: 'Seconds between two tries to connect at start.',
  }),
  dbMaxRetries: integer('db_max_retries', 20, {
    min: -1,
    help: 'How often a transaction is tried again after a deadlock, a conflict or a lost connection; -1 tries for ever.',
  }),
  dbMaxRetryIntervalMs: seconds('db_max_retry_interval', 10, {
    min: 0,
    help: 'The longest wait in seconds between two tries of a transaction.',
  }),
});
