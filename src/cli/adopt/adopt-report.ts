import type { Config } from '../../config/load.ts';
import type { BackendRows } from '../../db/ports/services.ts';
import type { JoinPlan } from '../../service/join-cluster.ts';
import type { LeavePlan } from '../../service/leave-cluster.ts';

/** What joining changes for one backend, for somebody who decides at night. */
export function joinReport(plan: JoinPlan, config: Config): string {
  const { backend, host, cluster, service, rows, workers, queue } = plan;
  const { coordination } = config.settings;
  const { nasSecureFileOperations, nasSecureFilePermissions } = config.backend(backend);
  return [
    `[${backend}] ${host} → cluster ${cluster}`,
    `  services row     ${service === null ? 'none' : `${service.id}, cluster ${service.cluster_name ?? 'none'} → ${cluster}`}`,
    `  rows included    ${counts(rows)}`,
    `  begun work       ${workers.length === 0 ? 'none' : workers.map(workerText).join(', ')}`,
    `  requests go to   cinder-volume.${cluster} (until now ${queue.name}, ${waitingText(queue.waiting)})`,
    `  locks            names as before; taken in ${withoutPassword(coordination.backendUrl)}`,
    `  NAS security     operations ${nasSecureFileOperations}, permissions ${nasSecureFilePermissions}; auto goes by .cinderSecureEnvIndicator on each share`,
  ].join('\n');
}

/** What going back changes for one backend. */
export function leaveReport(plan: LeavePlan, keepTables: boolean): string {
  const { backend, cluster, host, heir, leaving, rows, workers, queues } = plan;
  const hosts = leaving.map((service) => `${service.host} (${service.binary})`);
  return [
    `[${backend}] ${cluster === null ? 'shared host' : `cluster ${cluster}`} → ${host}`,
    `  services row     ${heir === null ? 'none yet; the Python service makes one' : `${heir.id} stays`}`,
    `  services removed ${hosts.length === 0 ? 'none' : hosts.join(', ')}`,
    `  rows moved       ${counts(rows)}`,
    `  begun work       ${workers === 0 ? 'none' : `${workers} rows handed over; its start cleans them up`}`,
    `  queues left      ${[...queues].map(([name, waiting]) => `${name} (${waitingText(waiting)})`).join(', ') || 'none'}`,
    `  our tables       ${keepTables ? 'stay' : 'are dropped'}`,
  ].join('\n');
}

function counts(rows: BackendRows): string {
  const named = [
    [rows.volumes, 'volumes'],
    [rows.groups, 'groups'],
    [rows.consistencygroups, 'consistency groups'],
    [rows.image_volume_cache_entries, 'cached images'],
  ] as const;
  return named.map(([count, what]) => `${count} ${what}`).join(', ');
}

function workerText({ resource_type, resource_id, status }: JoinPlan['workers'][number]): string {
  return `${resource_type} ${resource_id} ${status}`;
}

function waitingText(waiting: number | null): string {
  if (waiting === null) return 'does not exist';
  return waiting === 0 ? 'empty' : `${waiting} requests wait`;
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//***@');
}
