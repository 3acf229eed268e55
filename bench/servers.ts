import pg from 'pg';
import type { LockService } from './options.ts';
import {
  createDatabase,
  startPostgres,
  startRabbit,
  startRedis,
  startZookeeper,
  type PostgresServer,
  type RabbitServer,
} from '../test/support/servers.ts';

/** The services' account in the database; the bench itself is the superuser. */
export const account = { name: 'cinder', password: 'cinder' } as const;

interface LockServer {
  readonly url: string;
  stop(): Promise<void>;
}

const lockServers: Record<LockService, () => Promise<LockServer | undefined>> = {
  file: () => Promise.resolve(undefined),
  zookeeper: () => startZookeeper(),
  redis: () => startRedis(),
};

/** What a side is given for one run. */
export interface Place {
  readonly databaseUrl: string;
  readonly transportUrl: string;
  /** For the bench's own connection to the same virtual host. */
  readonly amqpUrl: string;
}

/** PostgreSQL with fsync on, RabbitMQ and where asked for a lock service, on loopback ports of their own. */
export class Servers {
  readonly #postgres: PostgresServer;
  readonly #rabbit: RabbitServer;
  readonly #locks: LockServer | undefined;

  private constructor(postgres: PostgresServer, rabbit: RabbitServer, locks: LockServer | undefined) {
    this.#postgres = postgres;
    this.#rabbit = rabbit;
    this.#locks = locks;
  }

  static async start(lockService: LockService): Promise<Servers> {
    const started = await Promise.allSettled([
      startPostgres({ fsync: true, settings: { shared_preload_libraries: 'pg_stat_statements' } }),
      startRabbit(),
      lockServers[lockService](),
    ]);
    const [postgres, rabbit, locks] = started;
    if (postgres.status === 'rejected' || rabbit.status === 'rejected' || locks.status === 'rejected') {
      for (const server of started) if (server.status === 'fulfilled') await server.value?.stop();
      const failed = started.find((server) => server.status === 'rejected');
      throw new Error('a server did not start', { cause: failed?.reason });
    }
    const servers = new Servers(postgres.value, rabbit.value, locks.value);
    await withClient(postgres.value.url, (client) =>
      client.query(`CREATE ROLE ${account.name} LOGIN PASSWORD '${account.password}'`),
    );
    return servers;
  }

  /** `[coordination] backend_url`, unless the locks are files. */
  get lockServiceUrl(): string | undefined {
    return this.#locks?.url;
  }

  get pids() {
    return { postgres: this.#postgres.pid, rabbit: this.#rabbit.pid };
  }

  /** An empty database of the services' account, and an empty virtual host. */
  async place(name: string): Promise<Place> {
    await createDatabase(this.#postgres.url, name);
    await withClient(this.#postgres.url, (client) => client.query(`ALTER DATABASE "${name}" OWNER TO ${account.name}`));
    await this.#rabbit.admin.createVhost(name);
    const { port } = this.#postgres;
    return {
      databaseUrl: `postgresql://${account.name}:${account.password}@127.0.0.1:${port}/${name}`,
      transportUrl: `rabbit://guest:guest@127.0.0.1:${this.#rabbit.port}/${name}`,
      amqpUrl: `${this.#rabbit.url}/${name}`,
    };
  }

  /** The superuser's connections to one database. Timestamps stay text: a Date would lose their microseconds. */
  pool(name: string): pg.Pool {
    const url = new URL(this.#postgres.url);
    url.pathname = `/${name}`;
    pg.types.setTypeParser(pg.types.builtins.TIMESTAMP, (text) => text);
    const pool = new pg.Pool({ connectionString: url.href, max: 3 });
    pool.on('error', () => undefined);
    return pool;
  }

  /** What counts for comparing figures: asked of the server itself. */
  async describe(): Promise<string> {
    return withClient(this.#postgres.url, async (client) => {
      const { rows } = await client.query<{ version: string; fsync: string; commit: string }>(
        `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
                current_setting('synchronous_commit') AS commit`,
      );
      return `PostgreSQL ${rows[0]?.version} (fsync ${rows[0]?.fsync}, synchronous_commit ${rows[0]?.commit})`;
    });
  }

  async stop(): Promise<void> {
    await Promise.all([this.#postgres.stop(), this.#rabbit.stop(), this.#locks?.stop()]);
  }
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
