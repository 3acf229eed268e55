import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { startServers, stopServers, type Servers } from '../servers.ts';
import type { LockService } from '../options.ts';
import { callScenarios } from './call-scenarios.ts';
import { cellName, cellsOf, type Cell, type CellFault, type CellResult } from './cells.ts';
import { groupScenarios } from './group-scenarios.ts';
import { imageScenarios } from './image-scenarios.ts';
import { Lane } from './lane.ts';
import type { Scenario } from './makings.ts';
import { managedScenarios } from './managed-scenarios.ts';
import { movingScenarios } from './moving-scenarios.ts';
import { adoption, runCell, stepsOf } from './run-cell.ts';
import { volumeScenarios } from './volume-scenarios.ts';

export const scenarios: readonly Scenario[] = [
  ...volumeScenarios,
  ...imageScenarios,
  ...movingScenarios,
  ...managedScenarios,
  ...groupScenarios,
  ...callScenarios,
];

export interface MatrixOptions {
  readonly operations: readonly string[];
  readonly faults: readonly CellFault[];
  readonly locks: LockService;
  /** Cells that are run at the same time. */
  readonly lanes: number;
  /** How often one step of one operation counts as another cell. */
  readonly mostOfOne: number;
  /** Only these. */
  readonly cells: readonly Cell[];
}

export interface MatrixRun {
  readonly program: string;
  readonly say: (line: string) => void;
}

export interface MatrixReport {
  readonly dir: string;
  readonly results: readonly CellResult[];
}

/**
 * First each operation alone, to learn its steps; then every cell. Each lane takes the next cell; a lane whose cell broke
 * is left as it is, for whoever looks, and another one takes its place.
 */
export async function runMatrix(options: MatrixOptions, run: MatrixRun): Promise<MatrixReport> {
  const dir = await makeTempDir('cinder-volume-aa-matrix-');
  const servers = await startServers(options);
  const lanes = new Lanes(servers, dir, options, run.program);
  try {
    const cells = options.cells.length > 0 ? options.cells : await allCells(options, lanes, run.say);
    run.say(`${cells.length} cells`);
    const results = await inLanes(options.lanes, cells, (cell) => one(cell, lanes, run.say));
    if (results.every(({ end }) => end !== 'broken')) await removeDir(dir);
    return { dir, results };
  } finally {
    await lanes.stop();
    await stopServers(servers);
  }
}

async function allCells(
  { operations, faults, mostOfOne, locks, lanes: count }: MatrixOptions,
  lanes: Lanes,
  say: MatrixRun['say'],
): Promise<readonly Cell[]> {
  // Locks in files need no connection.
  const possible = faults.filter((fault) => fault !== 'locks' || locks !== 'file');
  const found = await inLanes(count, operations, async (operation) => {
    const lane = await lanes.take();
    const steps = await stepsOf(lane, scenarioOf(operation));
    lanes.giveBack(lane);
    say(`${operation}: ${steps.join(', ')}`);
    // What is journalled can be adopted; a call cannot.
    const all = steps.includes('journalled') ? [...steps, adoption] : steps;
    return cellsOf(operation, all, possible, mostOfOne);
  });
  return found.flat();
}

async function one(cell: Cell, lanes: Lanes, say: MatrixRun['say']): Promise<CellResult> {
  const lane = await lanes.take();
  const result = await runCell(lane, scenarioOf(cell.operation), cell);
  if (result.end === 'broken') {
    await lane.stop();
    say(`broken: ${cellName(cell)}: ${result.problems.join('; ')} (${lane.share})`);
  } else lanes.giveBack(lane);
  return result;
}

export function scenarioOf(operation: string): Scenario {
  const found = scenarios.find(({ name }) => name === operation);
  if (found !== undefined) return found;
  throw new Error(`"${operation}" is none of ${scenarios.map(({ name }) => name).join(', ')}`);
}

/** In order, so many at a time. */
export async function inLanes<T, R>(
  count: number,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const waiting = [...items.entries()];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results[next[0]] = await work(next[1]);
    }
  };
  await Promise.all(Array.from({ length: count }, lane));
  return results;
}

class Lanes {
  readonly #servers: Servers;
  readonly #dir: string;
  readonly #options: MatrixOptions;
  readonly #program: string;
  readonly #free: Lane[] = [];
  #made = 0;

  constructor(servers: Servers, dir: string, options: MatrixOptions, program: string) {
    this.#servers = servers;
    this.#dir = dir;
    this.#options = options;
    this.#program = program;
  }

  async take(): Promise<Lane> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    this.#made += 1;
    const name = String(this.#made);
    const dir = join(this.#dir, name);
    await mkdir(dir);
    return Lane.start(this.#servers, { name, dir, program: this.#program, locks: this.#options.locks });
  }

  giveBack(lane: Lane): void {
    this.#free.push(lane);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#free.map((lane) => lane.stop()));
  }
}
