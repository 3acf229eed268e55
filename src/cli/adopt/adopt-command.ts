import type { Command } from 'commander';
import type { Config } from '../../config/load.ts';
import type { Database } from '../../db/database.ts';
import { InvalidInputError } from '../../kernel/errors.ts';
import { queueDepths } from '../../rpc/rabbit/queue-depths.ts';
import { join, planJoin, type JoinPlan, type QueueDepths } from '../../service/join-cluster.ts';
import { leave, leftToDo, planLeave, type LeavePlan } from '../../service/leave-cluster.ts';
import type { CommandIo, Finish } from '../command-io.ts';
import { addConfigOptions, configOf } from '../config-option.ts';
import { dropOwnTablesOf, openDatabaseOf } from '../drive/open-rows.ts';
import { joinReport, leaveReport } from './adopt-report.ts';

interface Options {
  readonly dryRun?: boolean;
  readonly back?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly keepTables?: boolean;
}

/** What has been looked at, in words, and what hinders doing it. */
interface Looked {
  readonly report: string;
  readonly hindrances: readonly string[];
  readonly act: () => Promise<void>;
  /** What came to queues that nobody reads any more while it was done. */
  readonly late: () => Promise<readonly string[]>;
}

/** `adopt [--dry-run]`: from one host into the cluster of the conf file; `adopt --back`: to one Python service. */
export function addAdoptCommand(program: Command, io: CommandIo, finish: Finish): void {
  const adopt = program
    .command('adopt')
    .description("move the volumes of one host into this configuration's cluster, or back")
    .option('--dry-run', 'say what would change, and change nothing: exit code 3 if something hinders it')
    .option('--from <host>', 'the host that made the volumes (default: the one of the configuration)')
    .option('--back', 'the other way: rows and begun work to one Python service, our tables dropped')
    .option('--to <host>', 'with --back: the host of the Python service (default: the one of the configuration)')
    .option('--keep-tables', 'with --back: leave our own tables, for coming again');
  const given = addConfigOptions(adopt);
  adopt.action(async (options: Options) => {
    const config = await configOf(given());
    const rows = await openDatabaseOf(config, io.signal);
    try {
      const looked = await (options.back === true ? lookBack : lookForward)(config, rows.db, options);
      io.print(looked.report);
      for (const hindrance of looked.hindrances) io.complain(`not now: ${hindrance}`);
      if (looked.hindrances.length > 0) return finish(options.dryRun === true ? 3 : 1);
      if (options.dryRun === true) return io.print('nothing was changed (--dry-run)');
      await looked.act();
      io.print('done');
      for (const late of await looked.late()) io.complain(late);
    } finally {
      await rows.close();
    }
  });
}

async function lookForward(config: Config, db: Database, { from }: Options): Promise<Looked> {
  const { cluster, serviceDownTimeMs } = config.settings.service;
  if (cluster === null)
    throw new InvalidInputError('cluster', 'is not set in [DEFAULT]: there is nothing to move into');
  const depths = depthsOf(config);
  const plans: JoinPlan[] = [];
  for (const backend of config.backends) {
    const joining = { backend, host: hostOf(config, backend, from), cluster: `${cluster}@${backend}` };
    plans.push(await planJoin(db, joining, { downAfterMs: serviceDownTimeMs, depths }));
  }
  return {
    report: plans.map((plan) => joinReport(plan, config)).join('\n\n'),
    hindrances: plans.flatMap(({ hindrances }) => hindrances),
    act: () => join(db, plans),
    late: () =>
      waitingIn(
        depths,
        plans.map(({ queue }) => queue.name),
      ),
  };
}

async function lookBack(config: Config, db: Database, { to, keepTables = false }: Options): Promise<Looked> {
  const { service, activeActive } = config.settings;
  const depths = depthsOf(config);
  const plans: LeavePlan[] = [];
  for (const backend of config.backends) {
    const cluster = service.cluster === null ? null : `${service.cluster}@${backend}`;
    plans.push(await planLeave(db, { backend, cluster, host: hostOf(config, backend, to) }, depths));
  }
  const backends = plans.map(({ cluster, host }) => cluster ?? host);
  return {
    report: plans.map((plan) => leaveReport(plan, keepTables)).join('\n\n'),
    hindrances: [
      ...(await leftToDo(db, backends, activeActive.presumedDeadAfterMs)),
      ...plans.flatMap(({ hindrances }) => hindrances),
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

function hostOf(config: Config, backend: string, named: string | undefined): string {
  const host = named ?? config.backend(backend).backendHost ?? config.settings.service.host;
  if (/[@#\s]/.test(host))
    throw new InvalidInputError('host', `"${host}" has an @, # or space: name it without a backend`);
  return `${host}@${backend}`;
}

function depthsOf(config: Config): QueueDepths {
  const { service, rabbit } = config.settings;
  return (queues) => queueDepths({ url: service.transportUrl, options: rabbit }, queues);
}

/** The API reads a row and sends; what it had read before the change goes to the queue of before. */
async function waitingIn(depths: QueueDepths, queues: readonly string[]): Promise<readonly string[]> {
  return [...(await depths(queues))].flatMap(([name, waiting]) =>
    waiting === null || waiting === 0
      ? []
      : [
          `${waiting} requests came to ${name} meanwhile, which nobody reads now: start a service of that name once more`,
        ],
  );
}
