import { parseArgs } from 'node:util';
import { oneOf, wholeNumber } from '../test/support/command-options.ts';

const lockServices = ['file', 'zookeeper', 'redis'] as const;
export type LockService = (typeof lockServices)[number];

/** What is measured and how; the same for both sides. */
export interface BenchOptions {
  /** How many volumes; each is created, snapshotted once, its snapshot deleted, and deleted. */
  readonly count: number;
  /** How many snapshots of one and the same volume. */
  readonly chain: number;
  /** Requests that are out at any time. */
  readonly inFlight: number;
  /** Replicas of this program, in one cluster where there is more than one. */
  readonly replicas: number;
  /** What is measured in turn with this program: the distribution's Python service, or this program without custody. */
  readonly against: 'python' | 'bare' | undefined;
  /** Measure one side only, in the same settings. */
  readonly only: 'ours' | 'python' | undefined;
  readonly rounds: number;
  /** The account that runs the services; undefined: who runs the bench. */
  readonly user: string | undefined;
  readonly locks: LockService;
  readonly driver: 'folder' | 'nfs';
  /** `[DEFAULT] executor_thread_pool_size`. */
  readonly threads: number;
  /** Rows that lie in the table of volumes before the start; several numbers only where starts are measured. */
  readonly volumesInDatabase: readonly number[];
  /** Measure only starts. */
  readonly startOnly: boolean;
  /** How many of them. */
  readonly starts: number;
  /** Where the result is written as JSON, besides the tables. */
  readonly json: string | undefined;
  /** Keep the folder with configurations and logs. */
  readonly keep: boolean;
  /** Write CPU profiles of this program's main process (and its threads) into this folder. */
  readonly cpuProf: string | undefined;
}

export const benchUsage = `npm run bench -- [OPTIONS]

  --count N                  volumes: each created, snapshotted, its snapshot deleted, deleted (200)
  --chain N                  snapshots of one volume (25)
  --in-flight N              requests that are out at any time (64)
  --replicas N               replicas of this program (1)
  --against python           measure the distribution's cinder-volume in turn (as root; both with the NFS driver)
  --against bare             measure this program without journal, fence and claims in turn: what custody costs
  --only ours|python         with --against python: measure one side, in the settings of both
  --user NAME                run the services as this account (as root), e.g. cinder: as deployers do
  --rounds N                 how often each side is measured (1)
  --locks file|zookeeper|redis
                             the lock service (file)
  --driver folder|nfs        this program's driver (folder; with --against python: nfs, which needs root)
  --threads N                executor_thread_pool_size (64)
  --volumes-in-database N    rows that are there before the start (0)
  --start-only               measure only starts; --volumes-in-database may be several numbers then: 10000,1000000
  --starts N                 how many starts with each of them, in turn (5)
  --json FILE                write the result there, too
  --keep                     keep the folder with configurations and logs
  --cpu-prof FOLDER          write CPU profiles of this program's processes
`;

/** @throws Error telling what is wrong with the arguments */
export function parseOptions(argv: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      count: { type: 'string', default: '200' },
      chain: { type: 'string', default: '25' },
      'in-flight': { type: 'string', default: '64' },
      replicas: { type: 'string', default: '1' },
      against: { type: 'string' },
      only: { type: 'string' },
      rounds: { type: 'string', default: '1' },
      user: { type: 'string' },
      locks: { type: 'string', default: 'file' },
      driver: { type: 'string' },
      threads: { type: 'string', default: '64' },
      'volumes-in-database': { type: 'string', default: '0' },
      'start-only': { type: 'boolean', default: false },
      starts: { type: 'string', default: '5' },
      json: { type: 'string' },
      keep: { type: 'boolean', default: false },
      'cpu-prof': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const against = values.against === undefined ? undefined : oneOf('--against', values.against, ['python', 'bare']);
  return {
    count: wholeNumber('--count', values.count, { min: 1 }),
    chain: wholeNumber('--chain', values.chain, { min: 0 }),
    inFlight: wholeNumber('--in-flight', values['in-flight'], { min: 1 }),
    replicas: wholeNumber('--replicas', values.replicas, { min: 1 }),
    against,
    only: values.only === undefined ? undefined : oneOf('--only', values.only, ['ours', 'python']),
    rounds: wholeNumber('--rounds', values.rounds, { min: 1 }),
    user: values.user,
    locks: oneOf('--locks', values.locks, lockServices),
    driver: driverOf(values.driver, against === 'python'),
    threads: wholeNumber('--threads', values.threads, { min: 1 }),
    volumesInDatabase: rowsOf(values['volumes-in-database'], values['start-only']),
    startOnly: values['start-only'],
    starts: wholeNumber('--starts', values.starts, { min: 1 }),
    json: values.json,
    keep: values.keep,
    cpuProf: values['cpu-prof'],
  };
}

function driverOf(given: string | undefined, againstPython: boolean): 'folder' | 'nfs' {
  const driver = oneOf('--driver', given ?? (againstPython ? 'nfs' : 'folder'), ['folder', 'nfs']);
  if (againstPython && driver !== 'nfs') throw new Error('--against python compares the NFS drivers: use --driver nfs');
  if (driver === 'nfs' && process.getuid?.() !== 0) throw new Error('--driver nfs mounts a folder: run it as root');
  return driver;
}

function rowsOf(text: string, startOnly: boolean): number[] {
  const numbers = text.split(',').map((part) => wholeNumber('--volumes-in-database', part, { min: 0 }));
  if (numbers.length > 1 && !startOnly) throw new Error('several --volumes-in-database go only with --start-only');
  return numbers;
}
