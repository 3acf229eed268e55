import { boolean, defineOptions, list, string } from '../option.ts';

/** oslo.log's defaults, which people's log collectors know how to read. */
const contextFormat =
  '%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [%(global_request_id)s %(request_id)s %(user_identity)s] %(instance)s%(message)s';
const plainFormat = '%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [-] %(instance)s%(message)s';

/** `[DEFAULT]`: oslo.log's options. */
export const loggingOptions = defineOptions('DEFAULT', {
  debug: boolean('debug', false, {
    mutable: true,
    help: 'Log at level DEBUG instead of INFO.',
  }),
  logFile: string('log_file', null, {
    formerly: ['logfile'],
    help: 'File to log to, opened for appending and opened again on SIGHUP or when it was moved away. Unset: standard output.',
  }),
  logDir: string('log_dir', null, {
    formerly: ['logdir'],
    help: 'Folder of log_file. Without log_file the file is cinder-volume.log.',
  }),
  useStderr: boolean('use_stderr', false, { help: 'Log to standard error, also when there is a log file.' }),
  useJson: boolean('use_json', false, { help: 'Write one JSON object for each line, with the keys of oslo.log.' }),
  logDateFormat: string('log_date_format', '%Y-%m-%d %H:%M:%S', {
    help: 'The form of %(asctime)s, by strftime: %Y %y %m %d %H %M %S %F %T %b %B %a %A %z %% are understood.',
  }),
  loggingContextFormatString: string('logging_context_format_string', contextFormat, {
    help: 'The form of a line that belongs to a request.',
  }),
  loggingDefaultFormatString: string('logging_default_format_string', plainFormat, {
    help: 'The form of any other line.',
  }),
  loggingUserIdentityFormat: string(
    'logging_user_identity_format',
    '%(user)s %(project)s %(domain)s %(system_scope)s %(user_domain)s %(project_domain)s',
    { help: 'The form of %(user_identity)s.' },
  ),
  loggingExceptionPrefix: string(
    'logging_exception_prefix',
    '%(asctime)s.%(msecs)03d %(process)d ERROR %(name)s %(instance)s',
    { help: 'What each line of a stack trace begins with.' },
  ),
  defaultLogLevels: list('default_log_levels', [], {
    mutable: true,
    help: 'Pairs logger=LEVEL: the level of all loggers whose names begin so, such as cinder.rpc=DEBUG.',
  }),
});
