import { Type } from '@sinclair/typebox';
import { InvalidInputError } from '../../kernel/errors.ts';
import type { ServiceMethod, ServicePorts } from './service-method.ts';

const NullableText = Type.Optional(Type.Union([Type.Null(), Type.String()]));
const Args = Type.Object({ log_request: Type.Object({ prefix: NullableText, level: NullableText }) });

const LEVELS = ['INFO', 'WARNING', 'ERROR', 'DEBUG'];

/** For all loggers of this process whose names begin with the prefix; none, or an empty one: for all there are. */
export const setLogLevels = ({ logs, log }: ServicePorts): ServiceMethod<typeof Args> => ({
  name: 'set_log_levels',
  kind: 'cast',
  args: Args,
  run: ({ log_request: { prefix, level } }) => {
    const word = (level ?? '').toUpperCase();
    if (!LEVELS.includes(word)) {
      throw new InvalidInputError('log_request.level', `${word} is not a valid log level; use ${LEVELS.join(', ')}`);
    }
    logs.setLevel(prefix ?? '', word);
    log.info({ prefix: prefix ?? '', level: word }, 'the log levels were changed by request');
    return Promise.resolve(null);
  },
});

export const getLogLevels = ({ logs, logLevelList }: ServicePorts): ServiceMethod<typeof Args> => ({
  name: 'get_log_levels',
  kind: 'call',
  args: Args,
  run: ({ log_request: { prefix } }) => Promise.resolve(logLevelList(logs.levels(prefix ?? ''))),
});
