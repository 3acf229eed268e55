import { randomUUID } from 'node:crypto';
import type { Config } from '../../config/load.ts';
import type { Database } from '../../db/database.ts';
import { InvalidInputError } from '../../kernel/errors.ts';
import { silentLogger } from '../../log/logger.ts';
import { encodeContext, serviceContext } from '../../rpc/wire/context.ts';
import { join, planJoin, type JoinPlan } from '../../service/join-cluster.ts';
import { cleanUp } from '../../volume/cleanup.ts';
import { joinReport } from './adopt-report.ts';
import { depthsOf, hostOf, waitingIn, type Looked } from './looked.ts';
import { findWaiting } from './under-way.ts';

/** From one host, the configuration's own if none is named, into the configuration's cluster. */
export async function lookForward(
  config: Config,
  db: Database,
  { host: named }: { readonly host: string | undefined },
): Promise<Looked> {
  const { cluster, serviceDownTimeMs } = config.settings.service;
  if (cluster === null)
    throw new InvalidInputError('cluster', 'is not set in [DEFAULT]: there is nothing to move into');
  const depths = depthsOf(config);
  const [plans, reports]: [JoinPlan[], string[]] = [[], []];
  for (const backend of config.backends) {
    const joining = { backend, host: hostOf(config, backend, named), cluster: `${cluster}@${backend}` };
    const plan = await planJoin(db, joining, { downAfterMs: serviceDownTimeMs, depths });
    plans.push(plan);
    reports.push(joinReport(plan, await findWaiting(db, [joining.cluster, joining.host]), config));
  }
  return {
    report: reports.join('\n\n'),
    hindrances: plans.flatMap(({ hindrances }) => hindrances),
    act: async () => {
      await join(db, plans);
      for (const plan of plans) await takeOver(db, plan);
    },
    late: () =>
      waitingIn(
        depths,
        plans.flatMap(({ queues }) => [...queues.keys()]),
      ),
  };
}

/**
 * What the host had begun becomes requests of the cluster, free for any replica: as its own next start would have
 * cleaned it up. Their ids are made from the rows, so that a second time makes none.
 */
async function takeOver(db: Database, { service, host, cluster }: JoinPlan): Promise<void> {
  if (service === null) return;
  await cleanUp(
    { service_id: service.id },
    {
      db,
      backend: { workOf: cluster, host, cluster },
      takeUp: async (entries) => (await db.journal.receive(entries, randomUUID())).length,
      context: encodeContext(serviceContext()),
      log: silentLogger,
    },
  );
}
