import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunContext } from './side.ts';

export const backend = 'nfs';

/** What differs between the sides, or between the replicas of one. */
export interface Particulars {
  readonly host: string;
  readonly cluster: string | undefined;
  readonly driver: string;
  readonly threads: number;
  /** More lines, by section. */
  readonly more?: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
}

/** Writes one cinder.conf, in which both sides have the same settings; returns its path. */
export async function writeConfiguration(context: RunContext, own: Particulars): Promise<string> {
  const state = join(context.dir, `state-${own.host}`);
  await mkdir(state, { recursive: true });
  await context.account.own(state);
  const { more = {} } = own;
  const sections: Record<string, Record<string, string | number>> = {
    DEFAULT: {
      host: own.host,
      ...(own.cluster === undefined ? {} : { cluster: own.cluster }),
      transport_url: context.place.transportUrl,
      enabled_backends: backend,
      state_path: state,
      debug: 'False',
      log_file: join(context.dir, `${own.host}.log`),
      executor_thread_pool_size: own.threads,
      default_volume_type: '__DEFAULT__',
      rootwrap_config: '/etc/cinder/rootwrap.conf',
    },
    database: { connection: context.place.databaseUrl },
    coordination: { backend_url: context.coordinationUrl },
    oslo_concurrency: { lock_path: join(context.dir, 'locks') },
    oslo_messaging_rabbit: { amqp_durable_queues: 'True' },
    [backend]: {
      volume_driver: own.driver,
      volume_backend_name: backend,
      ...context.share.options,
      nfs_snapshot_support: 'True',
      nas_secure_file_operations: 'False',
      nas_secure_file_permissions: 'False',
    },
  };
  for (const [name, lines] of Object.entries(more)) sections[name] = { ...sections[name], ...lines };
  const file = join(context.dir, `${own.host}.conf`);
  const text = Object.entries(sections).map(([name, lines]) => `[${name}]\n${linesOf(lines)}`);
  await writeFile(file, text.join('\n'));
  return file;
}

const linesOf = (lines: Readonly<Record<string, string | number>>): string =>
  Object.entries(lines)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('');
