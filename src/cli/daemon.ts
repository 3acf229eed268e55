import { createReplica, type Replica } from '../app.ts';
import { ConfigError, faultText } from '../config/fault.ts';
import { loadConfig, type Config, type LoadOptions } from '../config/load.ts';
import { planReload } from '../config/reload.ts';
import { warningText } from '../config/warning.ts';
import { sharedAbort } from '../kernel/abort.ts';
import { messageOf, toError } from '../kernel/errors.ts';
import { createLogger, type Log } from '../log/create-logger.ts';
import type { Failpoints } from '../volume/custody-options.ts';
import { logOptions } from './config-log.ts';
import { parseDaemonArguments } from './daemon-arguments.ts';

/** What the outside tells a running daemon. Each callback may come any number of times. */
export interface DaemonSignals {
  onTerminate(listener: (name: string) => void): void;
  onHangup(listener: () => void): void;
}

export interface DaemonIo {
  readonly signals: DaemonSignals;
  readonly complain: (line: string) => void;
  readonly version: string;
  /** Of the fault laboratory; undefined in production. */
  readonly failpoints?: Failpoints | undefined;
}

/** Runs one replica until it is told to stop. Resolves with the exit code: 0 clean, 1 the start failed. */
export async function runDaemon(argv: readonly string[], io: DaemonIo): Promise<number> {
  const { complain } = io;
  const load: LoadOptions = parseDaemonArguments(argv);
  const config = await usableConfig(load, complain);
  if (config === undefined) return 1;
  let log: Log;
  try {
    log = await createLogger(logOptions(config));
  } catch (error) {
    complain(messageOf(error));
    return 1;
  }
  for (const warning of config.warnings) log.logger.warn({}, warningText(warning));
  try {
    if (io.failpoints !== undefined) log.logger.warn({}, 'failpoints are armed: this process is for tests only');
    return await serve(config, load, log, io);
  } finally {
    await log.close();
  }
}

/** Undefined: it cannot be used, and every reason was told. There is no embedded default for a daemon. */
async function usableConfig(load: LoadOptions, complain: (line: string) => void): Promise<Config | undefined> {
  try {
    const config = await loadConfig(load);
    if (config.files.length === 0) {
      complain('No configuration was given (--config-file, --config-dir) and none was found in /etc/cinder.');
      complain('To try it without a cloud: cinder-volume-aa dev');
      return undefined;
    }
    if (config.backends.length === 0) {
      complain('[DEFAULT] enabled_backends is empty: name the sections of the backends to serve.');
      return undefined;
    }
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const fault of error.faults) complain(faultText(fault));
    return undefined;
  }
}

async function serve(config: Config, load: LoadOptions, log: Log, io: DaemonIo): Promise<number> {
  const { signals, version, failpoints } = io;
  const terminated = new AbortController();
  const force = sharedAbort();
  const stopAsked = new Promise<void>((resolve) => {
    signals.onTerminate((name) => {
      if (terminated.signal.aborted) force.abort(new Error(`a second ${name}`));
      terminated.abort(new Error(name));
      log.logger.info({}, `${name}: stopping${force.signal.aborted ? ' at once' : ''}`);
      resolve();
    });
  });
  handleHangups(config, load, log, signals);
  let replica: Replica;
  try {
    replica = createReplica(config, log, version, failpoints);
    await replica.start(terminated.signal);
  } catch (thrown) {
    if (terminated.signal.aborted) return 0;
    log.logger.error({ err: toError(thrown) }, `the start failed: ${messageOf(thrown)}`);
    return 1;
  }
  await stopAsked;
  const graceMs = config.settings.service.gracefulShutdownTimeoutMs;
  const timer =
    graceMs > 0 ? setTimeout(() => force.abort(new Error('graceful_shutdown_timeout')), graceMs) : undefined;
  await replica.stop({ force: force.signal });
  clearTimeout(timer);
  return 0;
}

/** SIGHUP: the log file is opened anew at once; a configuration that cannot be used is told and changes nothing. */
function handleHangups(initial: Config, load: LoadOptions, log: Log, signals: DaemonSignals): void {
  let current = initial;
  signals.onHangup(() => {
    void (async () => {
      await log.reopen();
      const plan = planReload(current, await loadConfig(load));
      current = plan.config;
      const { debug, defaultLogLevels } = current.settings.logging;
      log.resetLevels({ debug, defaultLogLevels });
      const names = (list: readonly { group: string; name: string }[]): string =>
        list.map(({ group, name }) => `[${group}] ${name}`).join(', ') || 'nothing';
      log.logger.info({}, `SIGHUP: changed ${names(plan.changed)}; counts after a restart: ${names(plan.needRestart)}`);
    })().catch((thrown: unknown) => {
      log.logger.error({ err: toError(thrown) }, `SIGHUP: the configuration stays as it was: ${messageOf(thrown)}`);
    });
  });
}
