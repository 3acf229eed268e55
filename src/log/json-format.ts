import type { LevelName, LogRecord } from './record.ts';
import { strftime } from './strftime.ts';
import type { Format } from './text-format.ts';

/** Python's numbers for levels, which oslo.log's JSON carries. */
const pythonLevels: Readonly<Record<LevelName, number>> = {
  DEBUG: 10,
  INFO: 20,
  WARNING: 30,
  ERROR: 40,
};

/** Fields that oslo.log puts under `context`. */
const contextKeys: readonly string[] = [
  ...[
    'request_id',
    'global_request_id',
    'user',
    'user_id',
    'project',
    'project_id',
    'domain',
    'domain_id',
    'system_scope',
  ],
  ...['user_domain', 'user_domain_id', 'project_domain', 'project_domain_id'],
];

/** One JSON object for each entry, with the keys of oslo.log's JSONFormatter as far as they mean something here. */
export function jsonFormat(hostname: string, dateFormat: string): Format {
  return (record) => {
    const { timeMs, level, error } = record;
    const [context, extra] = split(record);
    const line = {
      message: record.message,
      asctime: strftime(dateFormat, new Date(timeMs)),
      name: record.logger,
      levelname: level,
      levelno: pythonLevels[level],
      created: timeMs / 1000,
      msecs: timeMs % 1000,
      process: record.pid,
      hostname,
      error_summary: error === undefined ? '' : `${error.type}: ${error.message}`,
      traceback: error?.stack ?? null,
      context,
      extra,
    };
    return `${JSON.stringify(line)}\n`;
  };
}

function split({ fields }: LogRecord): [context: Record<string, unknown>, extra: Record<string, unknown>] {
  const entries = Object.entries(fields);
  const isContext = ([key]: readonly [string, unknown]): boolean => contextKeys.includes(key);
  return [
    Object.fromEntries(entries.filter(isContext)),
    Object.fromEntries(entries.filter((entry) => !isContext(entry))),
  ];
}
