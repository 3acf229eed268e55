import { messageOf } from '../../src/kernel/errors.ts';
import { eventLine } from './history.ts';
import { parseOptions, replayCommand, usage, type ChaosOptions } from './options.ts';
import { builtProgram, eventsOf, runChaos, type ChaosReport } from './run.ts';

const mostEvents = 200;

function summary(report: ChaosReport): string {
  const { requests, refused, kills, freezes, takenOver, tookMs } = report;
  return [
    `${requests} requests ended, ${refused} refused before they were sent`,
    `${kills} kills, ${freezes} freezes, ${takenOver} requests carried on by another owner`,
    `time to the end: median ${tookMs.median} ms, p99 ${tookMs.p99} ms, most ${tookMs.most} ms`,
  ].join('\n');
}

function tellWrong(report: ChaosReport, options: ChaosOptions): void {
  const { differences, history, dir } = report;
  const events = eventsOf(report).slice(-mostEvents);
  console.log(`\nwhat concerns it, and the faults meanwhile:\n${events.map(eventLine).join('\n')}\n`);
  for (const { kind, subject, problem } of differences) console.log(`${kind}: ${subject} ${problem}`);
  console.log(`\neverything: ${history.file}; logs, steps (trace), rows and share beside it in ${dir}`);
  console.log(`again: ${replayCommand(options)}`);
}

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help')) {
    console.log(usage);
    return 0;
  }
  const options = parseOptions(argv);
  console.log(`seed ${options.seed}`);
  const report = await runChaos(options, { program: builtProgram(), say: (line) => console.log(line) });
  console.log(summary(report));
  if (report.differences.length > 0) tellWrong(report, options);
  console.log(`${report.differences.length} differences`);
  return report.differences.length === 0 ? 0 : 3;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? messageOf(error)) : messageOf(error));
  process.exitCode = 1;
}
