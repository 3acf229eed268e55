import { chmod, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { messageOf } from '../src/kernel/errors.ts';
import { makeTempDir, removeDir } from '../test/support/temp-dir.ts';
import { measure, type RunResult } from './measure.ts';
import { benchUsage, parseOptions, type BenchOptions } from './options.ts';
import { OurSide } from './ours.ts';
import { PythonSide } from './python.ts';
import { ratiosOf, textOf, type BenchReport } from './report.ts';
import { Servers } from './servers.ts';
import type { Side } from './side.ts';
import { measureStarts, type StartResult } from './starts.ts';

/* npm run bench: see docs/bench.md. */

async function bench(options: BenchOptions): Promise<void> {
  const sides = await sidesOf(options);
  const dir = await makeTempDir('cinder-volume-aa-bench-');
  // The services' account must come through.
  await chmod(dir, 0o711);
  const loadBefore = loadavg()[0] ?? 0;
  const servers = await Servers.start(options.locks);
  const runs: RunResult[] = [];
  const starts: StartResult[] = [];
  try {
    for (const side of options.startOnly ? sides : []) {
      console.error(`measuring starts of ${side.name} …`);
      starts.push(...(await measureStarts(side, dir, servers, options)));
    }
    for (let round = 1; round <= (options.startOnly ? 0 : options.rounds); round += 1) {
      for (const side of sides) {
        console.error(`measuring ${side.name}, round ${round} of ${options.rounds} …`);
        runs.push(await measure(side, `${side.name}-${round}`, dir, servers, options));
      }
    }
    const report: BenchReport = {
      date: new Date().toISOString().slice(0, 10),
      machine: `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
      settings: await settingsOf(options, servers, loadBefore),
      starts,
      runs,
      ratios: runs.length > 0 && sides.length === 2 ? ratiosOf(runs, options.against ?? '') : {},
    };
    console.log(textOf(report));
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
  } finally {
    await servers.stop();
    if (options.keep) console.error(`kept: ${dir}`);
    else await removeDir(dir);
  }
  const failed = runs.flatMap((run) => run.operations).reduce((sum, { failed }) => sum + failed, 0);
  if (failed > 0) throw new Error(`${failed} operations failed: their figures mean nothing`);
}

async function sidesOf(options: BenchOptions): Promise<Side[]> {
  const { against, only } = options;
  const ours = only === 'python' ? [] : [new OurSide(options)];
  if (against === undefined || only === 'ours') return ours;
  return [...ours, against === 'bare' ? new OurSide(options, 'bare') : await PythonSide.create(options)];
}

async function settingsOf(
  options: BenchOptions,
  servers: Servers,
  loadBefore: number,
): Promise<Record<string, string | number>> {
  return {
    database: await servers.describe(),
    messages: 'RabbitMQ, amqp_durable_queues = True, notifications off',
    locks: options.locks,
    driver: options.driver,
    account: options.user ?? `that of the bench (uid ${process.getuid?.()})`,
    'log level': 'INFO, to a file',
    executor_thread_pool_size: options.threads,
    'requests in flight': options.inFlight,
    replicas: options.replicas,
    'load of the machine before': loadBefore.toFixed(1),
    'SQL statements': 'from pg_stat_statements',
    processes: 'forks that the kernel reported, of the service and all its descendants',
  };
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(benchUsage);
  else await bench(options);
} catch (error) {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : '';
  console.error(`bench: ${messageOf(error)}${cause}`);
  process.exitCode = 1;
}
