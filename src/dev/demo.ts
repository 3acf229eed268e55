import { openDrive, type Drive } from '../cli/drive/open-drive.ts';
import { Progress, type ProgressStream } from '../cli/progress.ts';
import { delay } from '../kernel/abort.ts';
import { Contents } from './content.ts';
import { DemoLoad, type Done, type Stories } from './demo-load.ts';
import { operationTable, replicaTable } from './demo-report.ts';
import type { DevCluster } from './dev-cluster.ts';
import { gatherEvidence, type Scene } from '../check/evidence.ts';
import { imageProblems } from '../check/image-check.ts';
import { replicaFigures } from './replica-figures.ts';
import { summaryOf, verify, type Difference, type Evidence } from '../check/verify.ts';

export interface DemoOptions {
  readonly cluster: DevCluster;
  readonly stories: Stories;
  /** Why snapshots and copies are left out, or null. */
  readonly skipped: string | null;
  /** Leaves the volumes that the stories leave, to be looked at. */
  readonly keep: boolean;
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
  readonly progress: ProgressStream;
}

/** How long a request may take: a dead replica is presumed dead after 3 s, and its work then waits its turn. */
const requestTimeoutMs = 60_000;

/**
 * Loads a cluster, kills one of its replicas on the way, and compares what there is with what was asked for.
 * Resolves with the exit code: 0 if every request reached its end and nothing differs, 1 if a request failed, 3 if
 * something differs.
 */
export async function runDemo(options: DemoOptions): Promise<0 | 1 | 3> {
  const { cluster, signal, print } = options;
  const drive = await openDrive(cluster.config, { bypassApi: false, signal });
  try {
    const contents = new Contents(cluster.paths.share);
    const { done, differences } = await loadAndCompare(options, drive, contents);
    print(`\n${operationTable(done, options.skipped)}\n`);
    print(`${replicaTable(await replicaFigures(cluster.replicas, cluster.databaseUrl))}\n`);
    const failed = done.filter(({ problem }) => problem !== null);
    for (const { operation, problem } of failed) print(`failed: ${operation}: ${problem ?? ''}`);
    for (const { kind, subject, problem } of differences) print(`${kind}: ${subject} ${problem}`);
    print(summaryOf(differences));
    if (differences.length > 0) return 3;
    return failed.length > 0 ? 1 : 0;
  } finally {
    await drive.close();
  }
}

async function loadAndCompare(
  options: DemoOptions,
  drive: Drive,
  contents: Contents,
): Promise<{ readonly done: readonly Done[]; readonly differences: readonly Difference[] }> {
  const { cluster, stories, keep, signal } = options;
  const planned = DemoLoad.count(stories);
  const progress = new Progress(options.progress, planned);
  const done: Done[] = [];
  const victim = victimOf(cluster, Math.floor(planned / 3), (name) => progress.note(`${name} was killed (SIGKILL)`));
  const onDone = (one: Done): void => {
    done.push(one);
    progress.step(one.problem === null);
    victim.afterRequest(done.length);
  };
  const target = await drive.target(undefined);
  const type = await drive.volumeType(undefined);
  const load = new DemoLoad({
    drive,
    watch: drive.watch,
    target,
    type,
    contents,
    onDone,
    timeoutMs: requestTimeoutMs,
  });
  await load.run(stories);
  await victim.settled();
  const compare = async (): Promise<readonly Difference[]> => compareAll(drive, cluster, contents, signal);
  const differences = [...(await compare())];
  if (!keep) {
    progress.more((await drive.volumes()).length + (await drive.snapshots()).length);
    await load.deleteAll();
    differences.push(...(await compare()));
  }
  progress.end();
  return { done, differences };
}

/** Kills a replica once so many requests have ended, which is when many others are under way. */
function victimOf(
  cluster: DevCluster,
  after: number,
  onKilled: (name: string) => void,
): { afterRequest(count: number): void; settled(): Promise<void> } {
  const victim = cluster.replicas.length > 1 ? cluster.replicas[1] : undefined;
  let killed: Promise<void> | undefined;
  return {
    afterRequest: (count) => {
      if (victim === undefined || killed !== undefined || count < after) return;
      killed = victim.kill().then(() => onKilled(victim.name));
    },
    settled: async () => killed,
  };
}

async function compareAll(
  drive: Drive,
  cluster: DevCluster,
  contents: Contents,
  signal: AbortSignal,
): Promise<readonly Difference[]> {
  const evidence = await quietEvidence(drive, cluster, signal);
  return [...verify(evidence), ...(await contents.check()), ...(await imageProblems(evidence.shares))];
}

function sceneOf(drive: Drive, { config, paths }: DevCluster): Scene {
  const { service } = config.settings;
  return {
    db: drive.db,
    volumes: () => drive.volumes(),
    snapshots: () => drive.snapshots(),
    shares: [{ location: `demo:${paths.share}`, folder: paths.share }],
    volumeNameTemplate: service.volumeNameTemplate,
    projectId: drive.owner.projectId,
    snapshotsUseGigabytes: !service.noSnapshotGbQuota,
  };
}

const quietWithinMs = 15_000;

/** The evidence as soon as nothing is under way: a settlement is done when its row says so, its clean-up soon after. */
async function quietEvidence(drive: Drive, cluster: DevCluster, signal: AbortSignal): Promise<Evidence> {
  const deadline = performance.now() + quietWithinMs;
  for (;;) {
    const evidence = await gatherEvidence(sceneOf(drive, cluster));
    if (verify(evidence).length === 0 || performance.now() > deadline) return evidence;
    await delay(500, signal);
  }
}
