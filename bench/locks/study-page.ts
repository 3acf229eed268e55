import { cases, type Cell, type Moments } from './study-cells.ts';

export interface StudyConditions {
  readonly where: string;
  readonly seconds: number;
  readonly processes: number;
  readonly changes: number;
}

/** The study as a page of Markdown, which nobody edits. */
export function studyPage(cells: readonly Cell[], conditions: StudyConditions): string {
  const tables = cases.map(({ label, rows, workers }) => {
    const own = cells.filter((cell) => cell.case === label);
    return `## ${rows} rows, ${workers} ${workers === 1 ? 'worker' : 'workers'} each\n\n${tableOf(own)}`;
  });
  return `${introduction(conditions)}\n\n${tables.join('\n\n')}\n`;
}

function introduction({ where, seconds, processes, changes }: StudyConditions): string {
  return `# What locks cost: the study

Written by \`npm run bench:locks -- study\` on ${where}.

Each worker takes its row from \`available\` to \`deleting\` (acquire) and back (release), ${changes} times. The workers of a row are spread over ${processes} processes; 50 more writers change other rows all the while. PostgreSQL with fsync; the lock services are the distribution's, each of one server on the same machine. *lock, change*: the lock is held for each of the two changes; *lock, whole*: from before the first until after the second. *ours* is this program, a coordinator in each process; *tooz* is Python's, a coordinator in each process and a thread for each worker. A worker that finds its row taken looks again after 5 to 15 ms. What took longer than ${seconds} s was cut: "done" is then less than 100 %, and the total is no total.

![Seconds for all changes, by case and contestant](lock-study.svg)`;
}

function tableOf(cells: readonly Cell[]): string {
  const head = [
    'method',
    'acquire ms: mean ± deviation',
    'worst',
    'release ms: mean ± deviation',
    'worst',
    'total s',
    'changes/s',
    'done',
  ];
  const lines = cells.map((cell) => [
    cell.contestant,
    ...momentsText(cell.acquire),
    ...momentsText(cell.release),
    cell.seconds.toFixed(1),
    (cell.done / cell.seconds).toFixed(0),
    `${((100 * cell.done) / cell.wanted).toFixed(0)} %`,
  ]);
  const line = (texts: readonly string[]): string => `| ${texts.join(' | ')} |`;
  return [line(head), line(['---', ...head.slice(1).map(() => '---:')]), ...lines.map(line)].join('\n');
}

function momentsText({ meanMs, deviationMs, worstMs }: Moments): readonly [string, string] {
  if (Number.isNaN(meanMs)) return ['–', '–'];
  return [`${meanMs.toFixed(1)} ± ${deviationMs.toFixed(1)}`, worstMs.toFixed(0)];
}
