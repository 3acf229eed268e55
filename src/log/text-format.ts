import { strftime } from './strftime.ts';
import type { LoggedError, LogRecord } from './record.ts';

/** oslo.log's options for the form of a line, in Python's `%(name)s` spelling. */
export interface TextFormatOptions {
  readonly contextFormat: string;
  readonly defaultFormat: string;
  readonly userIdentityFormat: string;
  readonly exceptionPrefix: string;
  readonly dateFormat: string;
}

/** oslo.log's own defaults. */
export const osloDefaults: TextFormatOptions = {
  contextFormat:
    '%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [%(global_request_id)s %(request_id)s %(user_identity)s] %(instance)s%(message)s',
  defaultFormat: '%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [-] %(instance)s%(message)s',
  userIdentityFormat: '%(user)s %(project)s %(domain)s %(system_scope)s %(user_domain)s %(project_domain)s',
  exceptionPrefix: '%(asctime)s.%(msecs)03d %(process)d ERROR %(name)s %(instance)s',
  dateFormat: '%Y-%m-%d %H:%M:%S',
};

/** Fields that stand in the head of a line and are not repeated behind the message. */
const contextFields = new Set([
  ...['request_id', 'global_request_id', 'instance', 'user', 'user_id', 'project', 'project_id', 'domain', 'domain_id'],
  ...['system_scope', 'user_domain', 'user_domain_id', 'project_domain', 'project_domain_id'],
]);

/** Turns a record into the text of one log entry, which ends in a line feed. */
export type Format = (record: LogRecord) => string;

/**
 * The form of oslo.log's ContextFormatter: the context format if there is a request id, else the default format; then
 * our other fields as `key=value`, and a summary of the error. The stack of an error follows on lines with the
 * exception prefix; warnings, of which a retry makes many, have only the summary.
 *
 * Control characters are escaped: a name with a line feed in it must not be able to forge a line.
 */
export function textFormat(options: TextFormatOptions = osloDefaults): Format {
  const withContext = template(options.contextFormat);
  const withoutContext = template(options.defaultFormat);
  const exceptionPrefix = template(options.exceptionPrefix);
  const valuesOf = lineValues(options);
  return (record) => {
    const values = valuesOf(record);
    const head = (record.fields['request_id'] ? withContext : withoutContext)(values);
    const { error } = record;
    if (record.level !== 'ERROR' || error?.stack === undefined) return `${head}\n`;
    const prefix = exceptionPrefix(values);
    const lines = error.stack.split('\n').map((line) => `${prefix}${oneLine(line)}\n`);
    return `${head}\n${lines.join('')}`;
  };
}

type LineValues = Readonly<Record<string, unknown>>;

/** What stands behind a name in a format. */
type Lookup = (name: string) => unknown;

function lineValues(options: TextFormatOptions): (record: LogRecord) => Lookup {
  const userIdentity = template(options.userIdentityFormat);
  const timeText = secondsText(options.dateFormat);
  return (record) => {
    const { fields } = record;
    const own: LineValues = {
      asctime: timeText(record.timeMs),
      msecs: record.timeMs % 1000,
      process: record.pid,
      levelname: record.level,
      name: record.logger,
      // Python prints None for an absent one, and people's parsers count the words.
      global_request_id: fields['global_request_id'] ?? 'None',
      user_identity: userIdentity((name) => contextField(fields, name) || '-'),
      instance: typeof fields['instance'] === 'string' ? `[instance: ${fields['instance']}] ` : '',
      message: messageText(record),
    };
    return (name) => own[name] ?? contextField(fields, name);
  };
}

/** oslo's context calls them `user` and `project`; the wire, and so our fields, `user_id` and `project_id`. */
function contextField(fields: LineValues, name: string): unknown {
  return fields[name] ?? fields[`${name}_id`];
}

/** The date and time of a line; made once for all lines of a second. */
function secondsText(dateFormat: string): (timeMs: number) => string {
  let second = NaN;
  let text = '';
  return (timeMs) => {
    const now = Math.floor(timeMs / 1000);
    if (now !== second) [second, text] = [now, strftime(dateFormat, new Date(timeMs))];
    return text;
  };
}

function messageText({ message, fields, error }: LogRecord): string {
  const rest = Object.entries(fields).filter(([key]) => !contextFields.has(key));
  const pairs = rest.map(([key, value]) => ` ${oneLine(key)}=${fieldText(value)}`);
  return `${oneLine(message)}${pairs.join('')}${error === undefined ? '' : `: ${summary(error)}`}`;
}

function summary({ type, message }: LoggedError): string {
  return oneLine(`${type}: ${message}`);
}

/** A word as it is; anything with white space or signs in it as JSON, so that its end can be seen. */
function fieldText(value: unknown): string {
  if (typeof value !== 'string') return oneLine(JSON.stringify(value) ?? 'undefined');
  return /^[^\s"=]+$/.test(value) ? oneLine(value) : oneLine(JSON.stringify(value));
}

const controlSign = /[\0-\x1f\x7f-\x9f\u2028\u2029]/;

/** Control characters, and the Unicode line ends that some viewers break at, as escapes. */
function oneLine(text: string): string {
  if (!controlSign.test(text)) return text;
  return text.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]/g, (sign) => {
    if (sign === '\n') return '\\n';
    return sign === '\t' ? '\\t' : `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

type Template = (lookup: Lookup) => string;

/** Python's `%(name)s`, `%(name)d` and `%(name)03d`, taken apart once; an unknown name is empty. */
function template(format: string): Template {
  const parts: Template[] = [];
  let end = 0;
  for (const match of format.matchAll(/%(?:\((\w+)\)(-?\d*)[sd]|%)/g)) {
    const [whole, name, width = ''] = match;
    const before = format.slice(end, match.index) + (name === undefined ? '%' : '');
    parts.push(() => before);
    if (name !== undefined) parts.push((lookup) => pad(oneLine(plainText(lookup(name))), width));
    end = match.index + whole.length;
  }
  const rest = format.slice(end);
  return (lookup) => {
    let line = '';
    for (const part of parts) line += part(lookup);
    return line + rest;
  };
}

function plainText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

function pad(text: string, width: string): string {
  if (width === '') return text;
  if (width.startsWith('-')) return text.padEnd(Number(width.slice(1)));
  return text.padStart(Number(width), width.startsWith('0') ? '0' : ' ');
}
