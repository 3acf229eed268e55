import { readFileSync } from 'node:fs';
import { daemonUsage, parseDaemonArguments, UsageError } from './cli/daemon-arguments.ts';
import { messageOf } from './kernel/errors.ts';
import type { Failpoints } from './volume/custody-options.ts';

/**
 * argv → command. The only file that ends the process or listens to its signals. Commands are loaded when they are
 * asked for, so that a replica does not carry the command line's libraries in memory.
 */
const usage = 2;

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function daemon(argv: readonly string[]): Promise<number> {
  const { help, version: showVersion } = parseDaemonArguments(argv);
  if (help || showVersion) {
    process.stdout.write(help ? daemonUsage : `cinder-volume-aa ${version()}\n`);
    return 0;
  }
  const { runDaemon } = await import('./cli/daemon.ts');
  const signals = {
    onTerminate: (listener: (name: string) => void) => {
      process.on('SIGTERM', listener);
      process.on('SIGINT', listener);
    },
    onHangup: (listener: () => void) => {
      process.on('SIGHUP', listener);
    },
  };
  return runDaemon(argv, { signals, complain, version: version(), failpoints: await testFailpoints() });
}

/** Only where the fault laboratory has set one of its variables. */
async function testFailpoints(): Promise<Failpoints | undefined> {
  if (!Object.keys(process.env).some((name) => name.startsWith('CINDER_VOLUME_AA_TEST_'))) return undefined;
  const { failpointsOf } = await import('./dev/failpoints.ts');
  return failpointsOf(process.env);
}

async function command(argv: readonly string[]): Promise<number> {
  const { runCommand } = await import('./cli/program.ts');
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('SIGINT')));
  process.once('SIGTERM', () => stop.abort(new Error('SIGTERM')));
  const failpoints = await testFailpoints();
  return runCommand(argv, { version: version(), signal: stop.signal, complain, print, failpoints });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(argv: readonly string[]): Promise<number> {
  try {
    return argv[0] === undefined || argv[0].startsWith('-') ? await daemon(argv) : await command(argv);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(`${messageOf(error)}\n"cinder-volume-aa --help" shows what there is.`);
    return usage;
  }
}

// What nobody caught ends the process: its work is in the journal, and another replica carries it on.
process.on('unhandledRejection', (reason) => {
  throw reason;
});

// Explicit, because a thread that hangs in a dead file server must not keep the process.
process.exit(await main(process.argv.slice(2)));
