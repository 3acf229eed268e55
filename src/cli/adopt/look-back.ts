import type { Config } from '../../config/load.ts';
import type { Database } from '../../db/database.ts';
import { leave, leftToDo, planLeave, type LeavePlan } from '../../service/leave-cluster.ts';
import { dropOwnTablesOf } from '../drive/open-rows.ts';
import { leaveReport } from './adopt-report.ts';
import { depthsOf, hostOf, waitingIn, type Looked } from './looked.ts';
import { findWaiting, settledByPython, waitingText, type Waiting } from './under-way.ts';

interface Back {
  readonly host: string | undefined;
  readonly keepTables: boolean;
}

/** To one Python service, of the configuration's own host if none is named. */
export async function lookBack(config: Config, db: Database, { host, keepTables }: Back): Promise<Looked> {
  const { service, activeActive } = config.settings;
  const depths = depthsOf(config);
  const [plans, waiting, reports]: [LeavePlan[], Waiting[], string[]] = [[], [], []];
  for (const backend of config.backends) {
    const cluster = service.cluster === null ? null : `${service.cluster}@${backend}`;
    const leaving = { backend, cluster, host: hostOf(config, backend, host) };
    const here = await findWaiting(db, cluster === null ? [leaving.host] : [cluster, leaving.host]);
    waiting.push(...here);
    const left = here.filter((row) => settledByPython(row) !== null).flatMap(({ worker }) => worker ?? []);
    const plan = await planLeave(db, leaving, { depths, left });
    plans.push(plan);
    reports.push(leaveReport(plan, here, keepTables));
  }
  return {
    report: reports.join('\n\n'),
    hindrances: [
      ...(await leftToDo(
        db,
        plans.map(({ cluster, host: own }) => cluster ?? own),
        activeActive.presumedDeadAfterMs,
      )),
      ...plans.flatMap(({ hindrances }) => hindrances),
      ...unsettled(waiting),
    ],
    act: async () => {
      await leave(db, plans);
      if (!keepTables) await dropOwnTablesOf(config);
    },
    late: () =>
      waitingIn(
        depths,
        plans.flatMap(({ queues }) => [...queues.keys()]),
      ),
  };
}

/** Python's service would leave it as it is for ever, or end what a replica finishes. */
function unsettled(waiting: readonly Waiting[]): readonly string[] {
  const rows = waiting.filter((row) => row.settledBy !== 'others' && settledByPython(row) === null);
  const more = rows.length - mostTold;
  return [
    ...rows.slice(0, mostTold).map(waitingText),
    ...(more > 0 ? [`${more} more rows wait: cinder-volume-aa requests list --older-than 1 names them`] : []),
  ];
}

const mostTold = 50;
