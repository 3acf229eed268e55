import type { Command } from 'commander';
import type { Service } from '../domain/rows.ts';
import type { CommandIo, Finish } from './command-io.ts';
import { addConfigOptions, configOf } from './config-option.ts';
import { openDatabaseOf } from './drive/open-rows.ts';
import { table } from './table.ts';

/** `service list`: what `openstack volume service list` shows, from the rows. */
export function addServiceCommands(program: Command, io: CommandIo, _finish: Finish): void {
  const service = program.command('service').description('the services that work on this database');
  const list = service.command('list').description('binary, host, cluster, status, state and last sign of life');
  const given = addConfigOptions(list);
  list.option('--json', 'print JSON');
  list.action(async ({ json = false }: { json?: boolean }) => {
    const config = await configOf(given());
    const rows = await openDatabaseOf(config, io.signal);
    try {
      const services = await rows.db.services.list();
      const shown = services.map((row) => shownService(row, config.settings.service.serviceDownTimeMs));
      if (json) return io.print(JSON.stringify(shown, null, 2));
      const lines = shown.map(({ binary, host, cluster, status, state, updated }) => [
        binary,
        host,
        cluster ?? '',
        status,
        state,
        updated ?? '',
      ]);
      io.print(table(['Binary', 'Host', 'Cluster', 'Status', 'State', 'Updated at (UTC)'], lines));
    } finally {
      await rows.close();
    }
  });
}

type ShownService = Readonly<Record<'binary' | 'host' | 'status' | 'state', string>> &
  Readonly<Record<'cluster' | 'updated', string | null>>;

/** Up and down as the API sees them: by the age of the last heartbeat. */
function shownService(row: Service & { readonly age_ms: number }, downAfterMs: number): ShownService {
  return {
    binary: row.binary,
    host: row.host,
    cluster: row.cluster_name,
    status: row.disabled ? 'disabled' : 'enabled',
    state: row.age_ms <= downAfterMs ? 'up' : 'down',
    updated: row.updated_at ?? row.created_at,
  };
}
