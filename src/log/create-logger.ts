import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { pino, stdSerializers, type Logger as Pino } from 'pino';
import { messageOf } from '../kernel/errors.ts';
import { jsonFormat } from './json-format.ts';
import { LogLevels } from './levels.ts';
import type { Logger } from './logger.ts';
import { keys, parseRecord, type LevelName } from './record.ts';
import { createRedact } from './redact.ts';
import { openFileSink, standardSink, type OnLoss, type Sink } from './sink.ts';
import { osloDefaults, textFormat, type Format, type TextFormatOptions } from './text-format.ts';

/** Where lines go; one or several. */
export type LogDestination = 'stdout' | 'stderr' | { readonly file: string };

export interface LogOptions {
  readonly format: 'oslo' | 'json';
  readonly destinations: readonly LogDestination[];
  readonly debug: boolean;
  /** `name=LEVEL` pairs. */
  readonly defaultLogLevels?: readonly string[];
  readonly text?: TextFormatOptions;
  /** Values that must appear in no line; of URLs, the passwords. */
  readonly secrets?: readonly string[];
  /** The root logger's name. */
  readonly name?: string;
}

/** The log of a process. */
export interface Log {
  /** `child({ logger: 'cinder.volume.manager' })` gives one of that name; other fields go into every line. */
  readonly logger: Logger;
  /** Sets the level of all loggers whose names begin with `prefix`; throws `InvalidInputError` for a wrong level. */
  setLevel(prefix: string, level: string): void;
  /** The levels in effect, by logger name. */
  levels(prefix?: string): Readonly<Record<string, LevelName>>;
  /** Back to what the options say; for SIGHUP. */
  resetLevels(options: { readonly debug: boolean; readonly defaultLogLevels: readonly string[] }): void;
  /** Opens log files again by their names; never throws. */
  reopen(): Promise<void>;
  /** Writes out what waits and closes; never throws and takes a second at most. */
  close(): Promise<void>;
  /** For the last words of a process that cannot wait. */
  flushSync(): void;
}

const defaultName = 'cinder';
const closeWithinMs = 1000;
const complainEveryMs = 60_000;

/** Opens the destinations and makes the root logger. Throws only if a log file cannot be opened at start. */
export async function createLogger(options: LogOptions): Promise<Log> {
  const levels = new LogLevels({ debug: options.debug, defaultLogLevels: options.defaultLogLevels ?? [] });
  const onLoss = complainer();
  const sinks: Sink[] = [];
  for (const destination of options.destinations) sinks.push(await openSink(destination, onLoss));
  const name = options.name ?? defaultName;
  levels.register(name);
  const logger = new LevelledLogger(createPino(lineWriter(options, sinks), name), name, levels);
  return {
    logger,
    setLevel: (prefix, level) => levels.setLevel(prefix, level),
    levels: (prefix) => levels.levels(prefix),
    resetLevels: (defaults) => levels.reset(defaults),
    reopen: () => onAll(sinks, (sink) => sink.reopen()),
    close: () => onAll(sinks, (sink) => sink.close(closeWithinMs)),
    flushSync: () => sinks.forEach((sink) => sink.flushSync()),
  };
}

/** oslo.log's choice of destinations: a file if there is one, standard error if asked for, else standard output. */
export function logDestinations(options: {
  readonly logFile: string | null;
  readonly logDir: string | null;
  readonly useStderr: boolean;
}): readonly LogDestination[] {
  const { logFile, logDir, useStderr } = options;
  const name = logFile ?? (logDir === null ? null : 'cinder-volume.log');
  const file: readonly LogDestination[] = name === null ? [] : [{ file: logDir === null ? name : join(logDir, name) }];
  const destinations: readonly LogDestination[] = [...file, ...(useStderr ? ['stderr' as const] : [])];
  return destinations.length > 0 ? destinations : ['stdout'];
}

/** Does something with each sink; what goes wrong there, the sink has told already. */
async function onAll(sinks: readonly Sink[], act: (sink: Sink) => Promise<void>): Promise<void> {
  await Promise.allSettled(sinks.map(act));
}

function openSink(destination: LogDestination, onLoss: OnLoss): Promise<Sink> | Sink {
  if (typeof destination === 'object') return openFileSink(destination.file, onLoss);
  return standardSink(destination === 'stdout' ? 1 : 2, onLoss);
}

function createPino(write: (line: string) => void, name: string): Pino {
  return pino(
    {
      // Levels are ours, by logger name; pino lets everything through.
      level: 'debug',
      base: { [keys.logger]: name },
      messageKey: keys.message,
      timestamp: () => `,"${keys.time}":${Date.now()}`,
      formatters: { level: (_label, number) => ({ [keys.level]: number }) },
      serializers: { err: stdSerializers.err },
    },
    { write },
  );
}

function lineWriter(options: LogOptions, sinks: readonly Sink[]): (line: string) => void {
  const text = options.text ?? osloDefaults;
  const format = options.format === 'json' ? jsonFormat(hostname(), text.dateFormat) : textFormat(text);
  const redact = createRedact(options.secrets ?? []);
  return (line) => {
    const entry = redact(formatted(line, format));
    for (const sink of sinks) sink.write(entry);
  };
}

/** A line that has no form is still better than none, and logging must never fail the work that it tells of. */
function formatted(line: string, format: Format): string {
  try {
    return format(parseRecord(line, process.pid));
  } catch {
    return line;
  }
}

/** Tells standard error about a log that cannot be written, once a minute: there is no other place left. */
function complainer(): OnLoss {
  let quietUntilMs = -Infinity;
  const standardError = standardSink(2, () => undefined);
  return ({ lost, error, recovered }) => {
    if (!recovered && performance.now() < quietUntilMs) return;
    quietUntilMs = recovered ? -Infinity : performance.now() + complainEveryMs;
    const program = basename(process.argv[1] ?? 'cinder-volume-aa');
    const what = recovered
      ? `the log works again; ${lost} lines were lost`
      : `cannot write the log: ${messageOf(error)}`;
    standardError.write(`${program}: ${what}\n`);
  };
}

/** A pino logger behind our interface, with the level of its name. */
class LevelledLogger implements Logger {
  readonly #pino: Pino;
  readonly #name: string;
  readonly #levels: LogLevels;

  constructor(logger: Pino, name: string, levels: LogLevels) {
    this.#pino = logger;
    this.#name = name;
    this.#levels = levels;
  }

  debug(fields: object, message: string): void {
    if (this.#levels.allows(this.#name, 'DEBUG')) this.#pino.debug(fields, message);
  }

  info(fields: object, message: string): void {
    if (this.#levels.allows(this.#name, 'INFO')) this.#pino.info(fields, message);
  }

  warn(fields: object, message: string): void {
    if (this.#levels.allows(this.#name, 'WARNING')) this.#pino.warn(fields, message);
  }

  error(fields: object, message: string): void {
    if (this.#levels.allows(this.#name, 'ERROR')) this.#pino.error(fields, message);
  }

  child(fields: Record<string, unknown>): Logger {
    const { logger: given, ...rest } = fields;
    const name = typeof given === 'string' ? given : this.#name;
    if (name !== this.#name) this.#levels.register(name);
    return new LevelledLogger(this.#pino.child({ ...rest, [keys.logger]: name }), name, this.#levels);
  }
}
