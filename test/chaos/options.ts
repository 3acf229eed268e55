import { parseArgs } from 'node:util';
import { oneOf, wholeNumber } from '../support/command-options.ts';
import { lockServerNames } from '../support/lock-servers.ts';

export const faultNames = [
  'kill',
  'stop',
  'restart',
  'partition',
  'broker',
  'database',
  'lock-service',
  'repair',
] as const;
export type FaultName = (typeof faultNames)[number];

export const lockServices = ['file', ...lockServerNames] as const;
export type LockService = (typeof lockServices)[number];

export interface ChaosOptions {
  readonly replicas: number;
  /** Of traffic in all; checks come on top. */
  readonly seconds: number;
  /** Of traffic between two checks. */
  readonly phaseSeconds: number;
  readonly seed: number;
  readonly faults: readonly FaultName[];
  readonly locks: LockService;
  /** How many users send requests at the same time. */
  readonly users: number;
  /** Keep the folder with configuration, logs, history and share also after a run without differences. */
  readonly keep: boolean;
}

export const usage = `Usage: npm run chaos -- [options]

  --replicas N       how many processes serve the backend (3)
  --seconds N        seconds of traffic with faults, in all (60)
  --phase N          seconds of traffic between two checks (20)
  --seed N           of all that is chosen by chance: faults, requests, failpoints (the time of day)
  --faults LIST      any of ${faultNames.join(', ')} (kill,stop)
  --locks SERVICE    ${lockServices.join(', ')} (file; redis where lock-service is among the faults)
  --users N          how many send requests at the same time (8)
  --keep             keep the folder of the run also where nothing is wrong
`;

const known = {
  replicas: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '60' },
  phase: { type: 'string', default: '20' },
  seed: { type: 'string' },
  faults: { type: 'string', default: 'kill,stop' },
  locks: { type: 'string' },
  users: { type: 'string', default: '8' },
  keep: { type: 'boolean', default: false },
} as const;

const many = { min: 1, max: 999_999_999 };

/** @throws Error naming the option that is wrong */
export function parseOptions(argv: readonly string[]): ChaosOptions {
  const { values } = parseArgs({ args: [...argv], options: known, strict: true });
  const faults = values.faults.split(',').map((name) => oneOf('--faults', name, faultNames));
  const locks = values.locks ?? (faults.includes('lock-service') ? 'redis' : 'file');
  return {
    replicas: wholeNumber('--replicas', values.replicas, many),
    seconds: wholeNumber('--seconds', values.seconds, many),
    phaseSeconds: wholeNumber('--phase', values.phase, many),
    seed: wholeNumber('--seed', values.seed ?? String(Date.now() % 1_000_000), many),
    faults,
    locks: oneOf('--locks', locks, lockServices),
    users: wholeNumber('--users', values.users, many),
    keep: values.keep,
  };
}

/** The command that runs the same again: the same choices, though not to the instant. */
export function replayCommand(options: ChaosOptions): string {
  const { replicas, seconds, phaseSeconds, seed, faults, locks, users } = options;
  const numbers = `--replicas ${replicas} --seconds ${seconds} --phase ${phaseSeconds} --seed ${seed} --users ${users}`;
  return `npm run chaos -- ${numbers} --locks ${locks} --faults ${faults.join(',')}`;
}
