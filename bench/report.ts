import type { OperationResult, RunResult } from './measure.ts';
import type { StartResult } from './starts.ts';

/** The side that all others are compared with. */
const ourName = 'cinder-volume-aa';

/** All that was measured, with what it was measured on. */
export interface BenchReport {
  readonly date: string;
  readonly machine: string;
  readonly settings: Readonly<Record<string, string | number>>;
  /** Where only starts were measured; `runs` is empty then. */
  readonly starts: readonly StartResult[];
  readonly runs: readonly RunResult[];
  /** By operation: this program's rate through the other side's, medians of the rounds. */
  readonly ratios: Readonly<Record<string, number>>;
}

/** Operations per second of this program through those of `other`, by operation, each the median of its runs. */
export function ratiosOf(runs: readonly RunResult[], other: string): Record<string, number> {
  const rate = (side: string, operation: string): number => {
    const results = runs.filter((run) => run.side === side).flatMap((run) => run.operations);
    return median(results.filter((result) => result.operation === operation).map((result) => result.perSecond));
  };
  const names = new Set(runs.flatMap((run) => run.operations.map(nameOf)));
  return Object.fromEntries([...names].map((name) => [name, rate(ourName, name) / rate(other, name)]));
}

export function textOf(report: BenchReport): string {
  const settings = Object.entries(report.settings).map(([name, value]) => `  ${name}: ${value}`);
  const head = [`${report.date}, ${report.machine}`, ...settings];
  const ratios = Object.entries(report.ratios).map(([name, ratio]) => [name, `${ratio.toFixed(2)}×`]);
  const other = report.runs.find(({ side }) => side !== ourName)?.side ?? '';
  const compared = ratios.length === 0 ? [] : ['', ...table(['operations per second', `ours : ${other}`], ratios)];
  const starts = report.starts.length === 0 ? [] : ['', ...startsText(report.starts)];
  return [...head, ...starts, ...report.runs.flatMap((run) => ['', ...runText(run)]), ...compared].join('\n');
}

function startsText(starts: readonly StartResult[]): string[] {
  const rows = starts.map(({ side, volumesInDatabase, readyMs }) => [
    side,
    String(volumesInDatabase),
    ...[median(readyMs), Math.min(...readyMs), Math.max(...readyMs)].map((ms) => ms.toFixed(0)),
    readyMs.map((ms) => ms.toFixed(0)).join(' '),
  ]);
  const meanings = new Set(starts.map(({ side, readyMeans }) => `${side}: ${readyMeans}`));
  return [...table(['start', 'volumes', 'median ms', 'best', 'worst', 'each'], rows), ...meanings];
}

function runText(run: RunResult): string[] {
  const columns = [
    'operation',
    'done',
    'failed',
    'per s',
    'median ms',
    'p99 ms',
    'SQL',
    '+control',
    'processes',
    'CPU ms',
    'database',
    'broker',
  ];
  const operations = run.operations.map(operationRow);
  const memory = run.memory.processes.map(({ role, count, peakMb }) => [
    role,
    count === 0 ? '-' : String(count),
    peakMb.toFixed(0),
  ]);
  const { peakTotalMb, peakTotalPssMb } = run.memory;
  const pss = peakTotalPssMb === null ? '' : `, ${peakTotalPssMb.toFixed(0)} MB with shared pages divided (Pss)`;
  return [
    `${run.side} (${run.version})`,
    `start: ${run.readyMs.toFixed(0)} ms with ${run.volumesInDatabase} volumes in the database (${run.readyMeans})`,
    ...(operations.length === 0 ? [] : table(columns, operations)),
    ...table(['process', 'at once', 'peak MB (VmHWM)'], memory),
    `all processes together at most ${peakTotalMb.toFixed(0)} MB (VmRSS)${pss}`,
    ...(run.leftOnShare.length === 0 ? [] : [`left on the share: ${run.leftOnShare.slice(0, 10).join(' ')}`]),
  ];
}

function operationRow(result: OperationResult): string[] {
  const { sqlPerOperation, processesPerOperation, cpuMsPerOperation } = result;
  return [
    result.operation,
    String(result.done),
    String(result.failed),
    result.perSecond.toFixed(1),
    result.medianMs.toFixed(0),
    result.p99Ms.toFixed(0),
    sqlPerOperation.statements.toFixed(1),
    sqlPerOperation.control.toFixed(1),
    processesPerOperation === null ? '-' : processesPerOperation.toFixed(2),
    cpuMsPerOperation.service.toFixed(1),
    cpuMsPerOperation.database.toFixed(1),
    cpuMsPerOperation.broker.toFixed(1),
  ];
}

/** The first column to the left, figures to the right. */
function table(columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((name, index) => Math.max(name.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ');
  return [columns, ...rows].map((cells) => `  ${line(cells)}`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = NaN, high = NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

const nameOf = ({ operation }: OperationResult): string => operation;
