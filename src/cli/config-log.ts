import type { Config } from '../config/load.ts';
import { secretValues } from '../config/secrets.ts';
import { logDestinations, type LogOptions } from '../log/create-logger.ts';

/** What the configuration says of the log. */
export function logOptions(config: Config): LogOptions {
  const { logging, activeActive } = config.settings;
  return {
    format: logging.useJson || activeActive.logFormat === 'json' ? 'json' : 'oslo',
    destinations: logDestinations(logging),
    debug: logging.debug,
    defaultLogLevels: logging.defaultLogLevels,
    secrets: secretValues(config),
    text: {
      contextFormat: logging.loggingContextFormatString,
      defaultFormat: logging.loggingDefaultFormatString,
      userIdentityFormat: logging.loggingUserIdentityFormat,
      exceptionPrefix: logging.loggingExceptionPrefix,
      dateFormat: logging.logDateFormat,
    },
  };
}
