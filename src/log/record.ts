/** One line of the log, before it gets its form. */
export interface LogRecord {
  readonly timeMs: number;
  readonly pid: number;
  readonly level: LevelName;
  /** The logger's name, as `cinder.volume.manager`. */
  readonly logger: string;
  readonly message: string;
  /** Whatever else was given: request and resource ids, numbers, … */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly error: LoggedError | undefined;
}

/** An error as pino's serializer leaves it. */
export interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly stack: string | undefined;
}

/** Python's names, with pino's numbers. */
export const levelNumbers = { DEBUG: 20, INFO: 30, WARNING: 40, ERROR: 50 } as const;

export type LevelName = keyof typeof levelNumbers;

const spellings: Readonly<Record<string, LevelName>> = { WARN: 'WARNING', CRITICAL: 'ERROR', FATAL: 'ERROR' };

/** The level of this name in any case; `undefined` if there is none. */
export function levelOf(name: string): LevelName | undefined {
  const upper = name.trim().toUpperCase();
  const level = spellings[upper] ?? upper;
  return isLevel(level) ? level : undefined;
}

function isLevel(name: string): name is LevelName {
  return Object.hasOwn(levelNumbers, name);
}

function levelName(level: unknown): LevelName {
  if (level === levelNumbers.DEBUG) return 'DEBUG';
  if (level === levelNumbers.WARNING) return 'WARNING';
  return typeof level === 'number' && level > levelNumbers.WARNING ? 'ERROR' : 'INFO';
}

/**
 * The names of our own keys in pino's lines. No field of a caller is called so, `pid` or `time` may well be.
 */
export const keys = { time: '@time', level: '@level', logger: '@logger', message: '@message' } as const;

/** Reads one line of pino's. */
export function parseRecord(line: string, pid: number): LogRecord {
  const {
    [keys.time]: time,
    [keys.level]: level,
    [keys.logger]: logger,
    [keys.message]: message,
    err,
    ...fields
  } = parseObject(line);
  return {
    timeMs: Number(time),
    pid,
    level: levelName(level),
    logger: String(logger),
    message: typeof message === 'string' ? message : '',
    fields,
    error: loggedError(err),
  };
}

function loggedError(err: unknown): LoggedError | undefined {
  if (err === undefined || err === null) return undefined;
  if (typeof err !== 'object') return { type: 'Error', message: JSON.stringify(err), stack: undefined };
  const { type, message, stack }: { type?: unknown; message?: unknown; stack?: unknown } = err;
  return {
    type: typeof type === 'string' ? type : 'Error',
    message: typeof message === 'string' ? message : '',
    stack: typeof stack === 'string' ? stack : undefined,
  };
}

function parseObject(line: string): Record<string, unknown> {
  const value: unknown = JSON.parse(line);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
