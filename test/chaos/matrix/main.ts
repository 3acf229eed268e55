import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { messageOf } from '../../../src/kernel/errors.ts';
import { oneOf, wholeNumber } from '../../support/command-options.ts';
import { lockServices } from '../options.ts';
import { builtProgram } from '../run.ts';
import { cellFaults, cellName, parseCell, tableOf } from './cells.ts';
import { runMatrix, scenarioOf, scenarios, type MatrixOptions, type MatrixReport } from './matrix.ts';

const usage = `Usage: npm run matrix -- [options]

  --operations LIST  any of ${scenarios.map(({ name }) => name).join(', ')} (all)
  --faults LIST      any of ${cellFaults.join(', ')} (all)
  --locks SERVICE    ${lockServices.join(', ')} (redis)
  --lanes N          cells at the same time, each with two replicas (3)
  --most N           so often one step of an operation counts as another cell (2)
  --cell NAME        this cell alone, again and again with --times; may be given more than once
  --times N          how often (1)
  --json FILE        every cell with its end
`;

const known = {
  operations: { type: 'string' },
  faults: { type: 'string', default: cellFaults.join(',') },
  locks: { type: 'string', default: 'redis' },
  lanes: { type: 'string', default: '3' },
  most: { type: 'string', default: '2' },
  cell: { type: 'string', multiple: true },
  times: { type: 'string', default: '1' },
  json: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

const many = { min: 1, max: 99_999 };

function optionsOf(argv: readonly string[]) {
  const { values } = parseArgs({ args: [...argv], options: known, strict: true });
  const operations = values.operations?.split(',') ?? scenarios.map(({ name }) => name);
  for (const name of operations) scenarioOf(name);
  const cells = Array.from(
    { length: wholeNumber('--times', values.times, many) },
    () => values.cell?.map(parseCell) ?? [],
  ).flat();
  const matrix: MatrixOptions = {
    operations,
    faults: values.faults.split(',').map((name) => oneOf('--faults', name, cellFaults)),
    locks: oneOf('--locks', values.locks, lockServices),
    lanes: wholeNumber('--lanes', values.lanes, many),
    mostOfOne: wholeNumber('--most', values.most, many),
    cells,
  };
  return { matrix, json: values.json, help: values.help };
}

function tell({ results, dir }: MatrixReport, { faults, locks }: MatrixOptions, tookMs: number): void {
  console.log(`\n${tableOf(results, faults)}\n`);
  const missed = results.filter(({ end }) => end === 'not reached');
  for (const { cell } of missed) console.log(`not reached: ${cellName(cell)}`);
  const broken = results.filter(({ end }) => end === 'broken');
  for (const { cell, problems } of broken) {
    console.log(`broken: ${cellName(cell)}\n  ${problems.join('\n  ')}`);
    console.log(`  again: npm run matrix -- --locks ${locks} --cell ${cellName(cell)}`);
  }
  if (broken.length > 0) console.log(`logs, steps and shares: ${dir}`);
  const minutes = (tookMs / 60_000).toFixed(1);
  console.log(`${results.length} cells in ${minutes} min: ${broken.length} broken, ${missed.length} not reached`);
}

async function main(argv: readonly string[]): Promise<number> {
  const { matrix, json, help } = optionsOf(argv);
  if (help) {
    console.log(usage);
    return 0;
  }
  const since = performance.now();
  const report = await runMatrix(matrix, { program: builtProgram(), say: (line) => console.log(line) });
  tell(report, matrix, performance.now() - since);
  if (json !== undefined) {
    const cells = report.results.map(({ cell, ...rest }) => ({ name: cellName(cell), ...cell, ...rest }));
    await writeFile(json, `${JSON.stringify({ locks: matrix.locks, cells }, null, 1)}\n`);
  }
  return report.results.some(({ end }) => end === 'broken') ? 3 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? messageOf(error)) : messageOf(error));
  process.exitCode = 1;
}
