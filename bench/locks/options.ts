import { parseArgs } from 'node:util';
import { oneOf, wholeNumber } from '../../test/support/command-options.ts';
import type { Side } from './members.ts';
import { serviceNames, type ServiceName } from './services.ts';

const commands = ['study', 'hand-over', 'mixed'] as const;

export interface LockBenchOptions {
  readonly command: (typeof commands)[number];
  readonly services: readonly ServiceName[];
  readonly sides: readonly Side[];
  /** Of one measurement; the study cuts what takes longer. */
  readonly seconds: number;
  /** Where the study's table and picture go. */
  readonly out: string;
}

export const lockBenchUsage = `npm run bench:locks -- COMMAND [OPTIONS]

  study       the five cases of the original proposal, by compare-and-set, SELECT FOR UPDATE and locks;
              writes lock-study.md and lock-study.svg
  hand-over   four processes on one lock held 1 ms: waits, overtaking, the cost of a hand-over; and a lock that
              nobody else wants, beside the bare client
  mixed       a counter under one lock: six Tooz processes, then three of Tooz and three of ours

  --services LIST   of ${serviceNames.join(', ')} (all; mixed needs Tooz)
  --only ours|tooz  leave the other side out (study, hand-over)
  --seconds N       of one measurement (study: at most, 60; hand-over: 10; mixed: 120)
  --out FOLDER      where the study is written (docs)
`;

const defaultSeconds = { study: 60, 'hand-over': 10, mixed: 120 } as const;

/** @throws Error telling what is wrong with the arguments */
export function parseLockBenchOptions(argv: readonly string[]): LockBenchOptions | 'help' {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      services: { type: 'string', default: serviceNames.join(',') },
      only: { type: 'string' },
      seconds: { type: 'string' },
      out: { type: 'string', default: 'docs' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const [first = 'study', ...others] = positionals;
  if (others.length > 0) throw new Error(`one command at a time, not "${positionals.join(' ')}"`);
  const command = oneOf('the command', first, commands);
  const seconds = wholeNumber('--seconds', String(values.seconds ?? defaultSeconds[command]), { min: 1 });
  if (values.only !== undefined && command === 'mixed') throw new Error('--only has no meaning for mixed');
  return {
    command,
    services: values.services.split(',').map((name) => oneOf('--services', name, serviceNames)),
    sides: values.only === undefined ? ['ours', 'tooz'] : [oneOf('--only', values.only, ['ours', 'tooz'])],
    seconds,
    out: values.out,
  };
}
