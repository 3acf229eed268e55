import type { Config } from '../../config/load.ts';
import type { BackendRows } from '../../db/ports/services.ts';
import type { WorkerRow } from '../../db/ports/resources.ts';
import { requestQueues, type JoinPlan } from '../../service/join-cluster.ts';
import type { LeavePlan } from '../../service/leave-cluster.ts';
import { settledByPython, waitingText, type Waiting } from './under-way.ts';

/** What joining changes for one backend, for somebody who decides at night. */
export function joinReport(plan: JoinPlan, waiting: readonly Waiting[], config: Config): string {
  const { backend, host, cluster, service, rows, workers, queues } = plan;
  const { coordination } = config.settings;
  const { nasSecureFileOperations, nasSecureFilePermissions } = config.backend(backend);
  return [
    `[${backend}] ${host} → cluster ${cluster}`,
    `  services row     ${service === null ? 'none' : `${service.id}, cluster ${service.cluster_name ?? 'none'} → ${cluster}`}`,
    `  rows included    ${counts(rows)}`,
    ...listed('begun work', 'goes on, or ends as at a start of its service', workers.map(workerText)),
    ...listed('rows that wait', 'nobody carries them', waiting.filter((row) => !isOf(workers, row)).map(waitingText)),
    `  requests go to   ${requestQueues(cluster)[0]} (until now ${queuesText(queues)})`,
    `  locks            names as before; taken in ${withoutPassword(coordination.backendUrl)}`,
    `  NAS security     operations ${nasSecureFileOperations}, permissions ${nasSecureFilePermissions}; auto goes by .cinderSecureEnvIndicator on each share`,
  ].join('\n');
}

/** What going back changes for one backend. */
export function leaveReport(plan: LeavePlan, waiting: readonly Waiting[], keepTables: boolean): string {
  const { backend, cluster, host, heir, leaving, rows, begun, queues } = plan;
  const hosts = leaving.map((service) => `${service.host} (${service.binary})`);
  return [
    `[${backend}] ${cluster === null ? 'shared host' : `cluster ${cluster}`} → ${host}`,
    `  services row     ${heir === null ? 'none yet; the Python service makes one' : `${heir.id} stays`}`,
    `  services removed ${hosts.length === 0 ? 'none' : hosts.join(', ')}`,
    `  rows moved       ${counts(rows)}`,
    ...listed(
      'begun work',
      "Python's at its next start",
      begun.map((worker) => `${workerText(worker)}${endText(worker, waiting)}`),
    ),
    ...listed('others wait', 'as before', waiting.filter(({ settledBy }) => settledBy === 'others').map(waitingText)),
    `  queues left      ${queuesText(queues) || 'none'}`,
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

/** A heading with how many, and a line each. */
function listed(heading: string, what: string, lines: readonly string[]): readonly string[] {
  const head = `  ${heading.padEnd(16)} `;
  if (lines.length === 0) return [`${head}none`];
  return [`${head}${lines.length}; ${what}`, ...lines.map((line) => `    ${line}`)];
}

function workerText({ resource_type, resource_id, status }: WorkerRow): string {
  return `${resource_type} ${resource_id} ${status}`;
}

/** What becomes of it, where that is known. */
function endText({ id }: WorkerRow, waiting: readonly Waiting[]): string {
  const row = waiting.find(({ worker }) => worker?.id === id);
  const end = row === undefined ? null : settledByPython(row);
  return end === null ? '' : ` → ${end}`;
}

function isOf(workers: readonly WorkerRow[], { worker }: Waiting): boolean {
  return worker !== null && workers.some(({ id }) => id === worker.id);
}

function queuesText(queues: ReadonlyMap<string, number | null>): string {
  return [...queues].map(([name, waiting]) => `${name}: ${depthText(waiting)}`).join(', ');
}

function depthText(waiting: number | null): string {
  if (waiting === null) return 'does not exist';
  return waiting === 0 ? 'empty' : `${waiting} requests wait`;
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//***@');
}
