import { parseArgs } from 'node:util';
import type { FlagValue } from '../config/layers.ts';
import type { GivenSource } from '../config/sources.ts';
import { messageOf } from '../kernel/errors.ts';

/** The daemon's command line, the one that deployers' unit files and containers already have. */
export interface DaemonArguments {
  readonly given: readonly GivenSource[];
  readonly flags: readonly FlagValue[];
  readonly help: boolean;
  readonly version: boolean;
}

export const daemonUsage = `Usage: cinder-volume-aa [--config-file FILE]... [--config-dir FOLDER]... [options]
       cinder-volume-aa COMMAND [options]

Runs one replica of cinder-volume until it is told to stop (SIGTERM, SIGINT). SIGHUP opens the log file anew and
reads again what may change at run time.

  --config-file FILE   a configuration file; may be given several times, later ones win
  --config-dir FOLDER  every *.conf in it, sorted by name
  --log-file FILE      (or --logfile) log there instead of to standard output
  -d, --debug          log at level DEBUG
  --version            print the version
  -h, --help           print this text

Commands: dev, demo, volume, snapshot, service, requests, fsck, lock, adopt, db, config; "cinder-volume-aa COMMAND --help" explains each.
Exit codes: 0 clean, 1 the start failed, 2 the command line is wrong, 3 differences were found.
`;

/** The command line is not understood; the message names the word. */
export class UsageError extends Error {}

const options = {
  'config-file': { type: 'string', multiple: true },
  'config-dir': { type: 'string', multiple: true },
  'log-file': { type: 'string' },
  logfile: { type: 'string' },
  debug: { type: 'boolean', short: 'd' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Throws `UsageError`. The order of files and folders is kept, because later ones win. */
export function parseDaemonArguments(argv: readonly string[]): DaemonArguments {
  const { values, tokens } = parsed(argv);
  const given: GivenSource[] = [];
  for (const token of tokens) {
    if (token.kind !== 'option' || token.value === undefined) continue;
    if (token.name === 'config-file') given.push({ kind: 'file', path: token.value });
    if (token.name === 'config-dir') given.push({ kind: 'dir', path: token.value });
  }
  const logFile = values['log-file'] ?? values.logfile;
  const flags: FlagValue[] = [];
  if (logFile !== undefined) flags.push({ name: 'log_file', value: logFile, flag: '--log-file' });
  if (values.debug === true) flags.push({ name: 'debug', value: 'true', flag: '--debug' });
  return { given, flags, help: values.help === true, version: values.version === true };
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, strict: true, tokens: true });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}
