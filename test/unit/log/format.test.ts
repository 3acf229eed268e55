import { describe, expect, it } from 'vitest';
import { loggingOptions } from '../../../src/config/options/logging.ts';
import { jsonFormat } from '../../../src/log/json-format.ts';
import type { LogRecord } from '../../../src/log/record.ts';
import { strftime } from '../../../src/log/strftime.ts';
import { osloDefaults, textFormat } from '../../../src/log/text-format.ts';

const at = new Date(2026, 10, 3, 4, 5, 6, 7);
const record = (more: Partial<LogRecord> = {}): LogRecord => ({
  timeMs: at.getTime(),
  pid: 42,
  level: 'INFO',
  logger: 'cinder.volume.manager',
  message: 'Created volume',
  fields: {},
  error: undefined,
  ...more,
});
const line = (more: Partial<LogRecord>): string => textFormat()(record(more));

describe('the text form', () => {
  it('without a request is oslo.log’s default format', () => {
    expect(line({})).toBe('2026-11-03 04:05:06.007 42 INFO cinder.volume.manager [-] Created volume\n');
  });

  it('with a request is its context format: the ids Python logs, in its order, - and None where it has none', () => {
    const fields = { request_id: 'req-1', user_id: 'u', project_id: 'p', project_domain_id: 'd', volume_id: 'v' };
    expect(line({ fields })).toBe(
      '2026-11-03 04:05:06.007 42 INFO cinder.volume.manager [None req-1 u p - - - d] Created volume volume_id=v\n',
    );
    expect(line({ fields: { ...fields, global_request_id: 'req-0' } })).toContain('[req-0 req-1 u p');
  });

  it('adds other fields behind the message, with quotes where their end would not be seen', () => {
    const fields = { ms: 12, name: 'two words', sign: 'a=b', list: [1, 2], plain: 'näme', none: null };
    expect(line({ fields })).toContain(
      'Created volume ms=12 name="two words" sign="a=b" list=[1,2] plain=näme none=null\n',
    );
  });

  it('sums an error up, and gives its stack on prefixed lines at level ERROR only', () => {
    const error = { type: 'CinderError', message: 'no room', stack: 'CinderError: no room\n    at x.ts:1' };
    const head = '2026-11-03 04:05:06.007 42';
    expect(line({ level: 'WARNING', error })).toBe(
      `${head} WARNING cinder.volume.manager [-] Created volume: CinderError: no room\n`,
    );
    expect(line({ level: 'ERROR', error }).split('\n')).toEqual([
      `${head} ERROR cinder.volume.manager [-] Created volume: CinderError: no room`,
      `${head} ERROR cinder.volume.manager CinderError: no room`,
      `${head} ERROR cinder.volume.manager     at x.ts:1`,
      '',
    ]);
  });

  it('lets nobody forge a line', () => {
    const forged = 'x\n2026-11-03 04:05:06.007 42 ERROR cinder [-] gone\r\x1b[2J\u2028';
    const text = line({
      message: forged,
      fields: { name: forged, [`k\n`]: 1, request_id: forged, user_id: forged, instance: forged },
      error: { type: 'E', message: forged, stack: forged },
    });
    expect(text.trimEnd().split(/[\n\r\u2028\x1b]/)).toHaveLength(1);
  });

  it('follows other formats in Python’s spelling', () => {
    const format = textFormat({
      ...osloDefaults,
      defaultFormat: '%(levelname)-8s|%(msecs)5d|100%%|%(nosuch)s|%(message)s',
      dateFormat: '',
    });
    expect(format(record())).toBe('INFO    |    7|100%||Created volume\n');
  });

  it('has the defaults of the options', () => {
    const { options } = loggingOptions;
    expect(osloDefaults).toEqual({
      contextFormat: options.loggingContextFormatString.default,
      defaultFormat: options.loggingDefaultFormatString.default,
      userIdentityFormat: options.loggingUserIdentityFormat.default,
      exceptionPrefix: options.loggingExceptionPrefix.default,
      dateFormat: options.logDateFormat.default,
    });
  });
});

describe('the JSON form', () => {
  it('has the keys of oslo.log', () => {
    const fields = { request_id: 'req-1', project_id: 'p', volume_id: 'v' };
    const error = { type: 'E', message: 'm', stack: 's' };
    expect(JSON.parse(jsonFormat('node-7', '%F %T')(record({ level: 'WARNING', fields, error })))).toEqual({
      message: 'Created volume',
      asctime: '2026-11-03 04:05:06',
      name: 'cinder.volume.manager',
      levelname: 'WARNING',
      levelno: 30,
      created: at.getTime() / 1000,
      msecs: 7,
      process: 42,
      hostname: 'node-7',
      error_summary: 'E: m',
      traceback: 's',
      context: { request_id: 'req-1', project_id: 'p' },
      extra: { volume_id: 'v' },
    });
  });
});

it('strftime knows the directives of the help text and leaves others', () => {
  expect(strftime('%Y %y %m %d %H %M %S %F %T %b %B %a %A %% %Q', at)).toBe(
    '2026 26 11 03 04 05 06 2026-11-03 04:05:06 Nov November Tue Tuesday % %Q',
  );
  expect(strftime('%z', at)).toMatch(/^[+-]\d{4}$/);
});
