import type { Config } from './load.ts';

/** The values of all secret options, for whoever must keep them out of logs. */
export function secretValues(config: Config): readonly string[] {
  return config.resolved.flatMap(({ option, text }) => (option.secret && text !== null && text !== '' ? [text] : []));
}
