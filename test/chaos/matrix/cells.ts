/** What happens to the replica that reaches the step. */
export const cellFaults = ['kill', 'freeze', 'database', 'broker', 'locks'] as const;
/**
 * - `kill`: SIGKILL, by its own hand, at the step.
 * - `freeze`: it and its helpers stand still there until somebody else has the locks and has done the work.
 * - `database`, `broker`, `locks`: at the step its connections to that server break, and no new ones are to be had until
 *   its locks have run out.
 */
export type CellFault = (typeof cellFaults)[number];

/** The n-th time that one operation passes one step, and what happens then. */
export interface Cell {
  readonly operation: string;
  readonly step: string;
  readonly nth: number;
  readonly fault: CellFault;
}

/** `delete_snapshot/commit:snapshot-merge#1/kill` */
export function cellName({ operation, step, nth, fault }: Cell): string {
  return `${operation}/${step.replaceAll(' ', '_')}#${nth}/${fault}`;
}

/** @throws Error saying what a cell's name looks like */
export function parseCell(text: string): Cell {
  const [, operation = '', step = '', nth, faultText] = /^([a-z_]+)\/([a-z:_-]+)#(\d+)\/([a-z]+)$/.exec(text) ?? [];
  const fault = cellFaults.find((one) => one === faultText);
  if (fault !== undefined) return { operation, step: step.replaceAll('_', ' '), nth: Number(nth), fault };
  throw new Error(`--cell: "${text}" is not of the form OPERATION/STEP#N/${cellFaults.join('|')}`);
}

/** All cells of an operation that passes these steps, each as often as it does. */
export function cellsOf(
  operation: string,
  steps: readonly string[],
  faults: readonly CellFault[],
  mostOfOne: number,
): readonly Cell[] {
  const passed = new Map<string, number>();
  return steps.flatMap((step) => {
    const nth = (passed.get(step) ?? 0) + 1;
    passed.set(step, nth);
    return nth > mostOfOne ? [] : faults.map((fault) => ({ operation, step, nth, fault }));
  });
}

/** How one cell ended. */
export interface CellResult {
  readonly cell: Cell;
  /** `not reached`: the operation came to its end another way; it tells nothing of the cell. */
  readonly end: 'whole' | 'broken' | 'not reached';
  readonly problems: readonly string[];
  readonly tookMs: number;
}

/** One line for each operation: how many cells of each fault, and how many of them are broken. */
export function tableOf(results: readonly CellResult[], faults: readonly CellFault[]): string {
  const operations = [...new Set(results.map(({ cell }) => cell.operation))];
  const width = Math.max(9, ...operations.map((name) => name.length));
  const line = (name: string, columns: readonly string[]): string =>
    [name.padEnd(width), ...columns.map((column) => column.padStart(12))].join('  ').trimEnd();
  const count = (some: readonly CellResult[]): string => {
    const broken = some.filter(({ end }) => end === 'broken').length;
    return broken === 0 ? String(some.length) : `${some.length} (${broken} broken)`;
  };
  const rows = operations.map((name) => {
    const own = results.filter(({ cell }) => cell.operation === name);
    return line(name, [...faults.map((fault) => count(own.filter(({ cell }) => cell.fault === fault))), count(own)]);
  });
  return [line('operation', [...faults, 'all']), ...rows].join('\n');
}
